"""Numbering plans: the place of a telephone number."""
