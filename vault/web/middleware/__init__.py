"""Middleware: what every request passes."""
