"""What came in and what was made: files under their content hash, and the catalogue that finds them."""

from node.archive.archive import Archive
from node.archive.files import ArchiveFiles, Kept

__all__ = ["Archive", "ArchiveFiles", "Kept"]
