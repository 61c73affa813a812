"""Stores of retention: policies, holds, object locks, ends of contacts."""
