"""Pairs of MR and CT for training, from a site's DICOM: found, pseudonymised, read."""
