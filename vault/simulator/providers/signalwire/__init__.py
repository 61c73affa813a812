"""Simulated SignalWire."""
