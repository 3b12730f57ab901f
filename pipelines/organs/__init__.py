"""Contours of organs on a planning CT: what all parts of the body have in common."""
