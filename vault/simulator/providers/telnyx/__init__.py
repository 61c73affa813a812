"""Simulated Telnyx, with Call Control and with TeXML applications."""
