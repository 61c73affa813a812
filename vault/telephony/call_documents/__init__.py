"""Parts that the call documents of several providers share."""
