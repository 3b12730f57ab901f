"""Networks that give what a task asks for; one a file."""
