"""Masks of the body and of bone, as boolean arrays on their volume's grid."""
