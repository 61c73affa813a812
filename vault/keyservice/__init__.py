"""The root key in its key service, and the cache of the account keys that it wraps."""
