"""The adapter for Twilio, with payloads in the shape of recorded ones."""
