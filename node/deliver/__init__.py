"""Deliver: send kept objects to destinations, and believe only what the peer says. Never changes an object."""
