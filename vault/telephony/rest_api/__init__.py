"""Requests to and replies from providers' REST APIs."""
