"""Requests of people about their data: received, decided, carried out, and answered with a receipt."""
