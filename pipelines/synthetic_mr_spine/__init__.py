"""Lumbar CT to a synthetic T2-weighted MR, as a sagittal series: gate, prediction, objects and checks."""
