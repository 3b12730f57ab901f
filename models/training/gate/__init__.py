"""How the input gate is trained, and how often it errs."""
