"""Stores of consent: events, pauses, policies, objections, notices."""
