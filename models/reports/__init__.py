"""Evaluation reports: a package judged on pairs, for people and for programs."""
