"""Stores: the rows of one subject in one transaction."""
