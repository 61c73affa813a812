"""Stand-ins for ports, which police the rules of what they stand for."""
