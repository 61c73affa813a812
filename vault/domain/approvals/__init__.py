"""Approvals: acts that wait for the word of a second person, and the rule that says which ones do."""
