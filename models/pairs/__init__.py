"""Pairs of MR and CT in SynthRAD's folder layout: read, proved, registered, written."""

from models.pairs.layout import Pair, PairFolder, load_pair, read_pairs, write_pair

__all__ = ["Pair", "PairFolder", "load_pair", "read_pairs", "write_pair"]
