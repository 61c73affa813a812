"""The root keys and the key ring."""
