"""The processes of a node: one supervisor, and the children that it spawns, watches and restarts."""
