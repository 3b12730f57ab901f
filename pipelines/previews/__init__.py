"""Pictures and pages for people: what came in, what was computed, and what the checks said."""
