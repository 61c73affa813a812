"""Events for other systems: the endpoints of an account, and the events that the log's entries cause."""
