"""Synthetic CT from MR at any site: what is written, its regions and checks; the site gives the limits."""
