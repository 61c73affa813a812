"""The access log: sequenced, signed, anchored, published and proved."""
