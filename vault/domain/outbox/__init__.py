"""Messages that leave the vault: what waits, when it is tried again, when a destination is let alone."""
