"""What an earlier release wrote, and every later one must still read."""
