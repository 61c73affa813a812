"""Tests of what recordings are as audio."""
