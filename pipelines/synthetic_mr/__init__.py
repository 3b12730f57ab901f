"""Synthetic MR from CT: what the pipelines of all parts of the body have in common."""
