"""A pipeline on a folder of DICOM, without a node: no database, no network, no hold and no release."""
