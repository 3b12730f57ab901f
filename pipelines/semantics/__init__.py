"""The semantic check of what is about to leave: what validators of the single file are blind to."""

from pipelines.semantics.check import check_objects

__all__ = ["check_objects"]
