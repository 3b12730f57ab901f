"""Workflows: what the job engine does for a run and a delivery, and the end of those that it gave up."""
