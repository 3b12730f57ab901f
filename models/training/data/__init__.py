"""Where samples come from: rendered label maps, or a folder of cases; and how they reach a run."""
