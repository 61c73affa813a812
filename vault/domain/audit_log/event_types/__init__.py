"""The table of event types: a file for each subject, an entry for each type."""
