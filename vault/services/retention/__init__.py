"""Retention: holds, policies and the sweep. Erasures themselves are the lifecycle's."""
