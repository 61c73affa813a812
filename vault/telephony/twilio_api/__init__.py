"""The interface of Twilio, which SignalWire and Telnyx speak as well."""
