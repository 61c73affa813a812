"""Sign-in: how people sign in, and who may."""
