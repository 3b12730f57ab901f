"""Routing: settled studies are decided by the rules and become runs."""
