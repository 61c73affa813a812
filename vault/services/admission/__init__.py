"""Admission: whether a recording may become available, and the evidence for it."""
