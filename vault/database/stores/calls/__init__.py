"""Stores of calls: what is known of each, and the erasures of it that wait."""
