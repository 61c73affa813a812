"""Tests of the worker's loop: tasks, their schedule, and the leases of processes that are gone."""
