"""The adapter for Vonage, with payloads in the shape of recorded ones."""
