"""The adapter for Aircall, with payloads in the shape of recorded ones."""
