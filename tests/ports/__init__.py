"""The same tests for the fake of a port and for every real part behind it."""
