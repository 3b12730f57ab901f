"""Organs at risk of head and neck on a planning CT."""
