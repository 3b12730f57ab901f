"""The mathematics: arrays in, arrays out. Networks, packages, inference, training, metrics; no DICOM."""
