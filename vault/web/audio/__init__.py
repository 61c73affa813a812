"""Audio in requests and responses."""
