"""Modules of PS3.3 that several SOP classes share, each as a data set of its own that a constructor puts together."""
