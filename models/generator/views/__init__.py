"""Coarse images of heads, whole and spoilt, and of what is none: what the input gate learns from."""
