"""The rows of an account that moves to another vault."""
