"""Grids in patient space: the axial grid that outputs stand on, the source's field in it, the patient's posture."""
