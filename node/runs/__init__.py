"""Runs: what is computed from which frozen inputs, the computation itself, and its kept result."""
