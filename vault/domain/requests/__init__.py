"""Requests of people about their data: kinds, states, deadlines, decisions and receipts."""
