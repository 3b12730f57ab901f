"""Limb MR to synthetic CT for MR-only radiotherapy: gate, prediction, contours, objects and checks."""
