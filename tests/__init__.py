"""The vault's tests, which mirror its rooms."""
