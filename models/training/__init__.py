"""Training of reference models from label maps by domain randomisation (Billot et al., SynthSeg, 2023)."""
