"""Health and metrics of a node."""
