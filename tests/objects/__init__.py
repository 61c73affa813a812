"""The object stores: what is particular to each of them."""
