"""Kinds of network that a package may hold, one a file: what the card says of it, and how it is built and read."""
