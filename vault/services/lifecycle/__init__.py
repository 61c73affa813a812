"""The lifecycle of recordings: the only code that changes a recording's state or deletes its keys."""
