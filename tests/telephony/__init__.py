"""Tests of signatures, events, and the fetching of media."""
