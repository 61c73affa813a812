"""Tests of holds, retention policies and the sweep."""
