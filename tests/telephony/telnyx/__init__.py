"""The adapter for Telnyx, with payloads in the shape of recorded ones."""
