"""Anatomy made by rule and seed, where no labels exist: a head, a male pelvis, a spine with its cord. No person's."""
