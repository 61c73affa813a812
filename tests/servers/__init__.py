"""Small servers of the outside world, which can be told to misbehave."""
