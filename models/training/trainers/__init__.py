"""How networks are trained; one way a file."""
