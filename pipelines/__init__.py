"""The medicine: DICOM series in, checked DICOM objects out. No database, no network, no clock."""
