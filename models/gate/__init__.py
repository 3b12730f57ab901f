"""The input gate: what is asked of an image before a network may see it, by rule and by a small network of its own."""

from models.gate.finding import Finding, Gravity

__all__ = ["Finding", "Gravity"]
