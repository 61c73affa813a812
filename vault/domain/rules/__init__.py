"""The rules of places: where recording needs whose consent."""
