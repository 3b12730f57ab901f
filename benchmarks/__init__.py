"""Measurements, each a program: ``python -m benchmarks.NAME [--quick]``.

A benchmark prints a table for people and, as its last line, one JSON object with ``schema``, what ran on what, all
rounds and their medians. Nothing here is a test: `tests/` says what must hold, a benchmark says how fast.
"""
