"""Stores of recordings: rows, states, queue, notes, evidence, provider copies."""
