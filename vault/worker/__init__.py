"""Time in: the loop that makes rows move on from the state they are in."""
