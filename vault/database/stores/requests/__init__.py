"""Stores of requests of people: the requests, closures, packages, callbacks, the search for a person."""
