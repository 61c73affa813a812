"""Keys that sign links, and notes of listeners."""
