"""The adapter for SignalWire, with payloads in the shape of recorded ones."""
