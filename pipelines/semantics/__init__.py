"""The semantic check of what is about to leave: what validators of the single file are blind to."""

from pipelines.semantics.check import FilesReport, NotLookedAt, check_documents, check_files, check_objects

__all__ = ["FilesReport", "NotLookedAt", "check_documents", "check_files", "check_objects"]
