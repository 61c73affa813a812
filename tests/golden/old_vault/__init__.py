"""A whole vault that an earlier commit wrote: its database, its objects and its root key."""
