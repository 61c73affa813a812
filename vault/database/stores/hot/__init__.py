"""Hot statements: what ``Database`` does in no transaction of its caller, in batches or as one message."""
