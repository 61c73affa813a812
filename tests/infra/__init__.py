"""The templates, the image and the compose file."""
