"""Numbering plans: the region of a telephone number."""
