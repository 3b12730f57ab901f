"""How far a predicted scale can be believed: calibration, coverage, and bounds that hold for a site's own patients."""
