"""Twilio's API, which SignalWire and Telnyx also implement."""
