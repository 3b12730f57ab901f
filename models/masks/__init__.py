"""Masks of what stands in an image, by its values."""
