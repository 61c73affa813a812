"""Steps that several services share."""
