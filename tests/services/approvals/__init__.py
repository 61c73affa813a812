"""Tests of approvals and of the rule."""
