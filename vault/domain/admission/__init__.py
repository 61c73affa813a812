"""Admission: whether a call may be recorded, and a recording kept."""
