"""One constructor per SOP class: each validates and returns a complete data set, with times and UIDs from the run."""
