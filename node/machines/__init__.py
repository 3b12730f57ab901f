"""The machines of a node: who they are, what they share, and who takes over the work of one that is gone."""
