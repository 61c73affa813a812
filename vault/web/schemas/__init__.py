"""Schemas: the JSON of the REST interface."""
