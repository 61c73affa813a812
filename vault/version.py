"""The version of this release. pyproject.toml reads it from here: the image has no package metadata."""

VERSION = "0.2.0"
