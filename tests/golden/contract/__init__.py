"""The REST contract of an earlier commit."""
