"""The soak: a fleet under mixed load while its processes are killed and its database is restarted."""
