"""The verbs: one file for each thing that the service does."""
