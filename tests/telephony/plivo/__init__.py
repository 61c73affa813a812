"""The adapter for Plivo, with payloads in the shape of recorded ones."""
