"""Non-contrast head CT to a synthetic FLAIR, for research on stroke: gate, prediction, objects and checks."""
