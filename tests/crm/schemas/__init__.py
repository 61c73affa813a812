"""Schemas of requests, cut from those that systems publish under a licence that permits it."""
