"""DICOM instances in, volumes in patient space out: geometry from positions and orientation alone."""
