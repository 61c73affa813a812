"""Stores of events for other systems: endpoints, and the events that the log's entries cause."""
