"""Pages of events for other systems: endpoints, their health, and what was sent to them."""
