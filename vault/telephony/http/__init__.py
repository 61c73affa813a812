"""HTTP to providers: checked addresses, limits and downloads."""
