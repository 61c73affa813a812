"""Tests of the nouns and their decisions."""
