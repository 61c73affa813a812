"""Links to recordings."""
