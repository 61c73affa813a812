"""Tests of the verbs, on a real database and with fakes around it."""
