"""The watch: what the node looks at by the clock, scanners and its disk, and says when it changes."""
