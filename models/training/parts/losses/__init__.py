"""Losses, one a file, each with its equation."""
