"""HTTP in: the REST interface, the webhooks, the links and the player."""
