"""Links to recordings, keys that sign them, and notes of listeners."""
