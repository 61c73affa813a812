"""The version of this release. pyproject.toml takes it from here: the image runs without the package's metadata."""

VERSION = "0.1.0"
