"""The root key behind its service, and the ring of account keys that it wraps."""
