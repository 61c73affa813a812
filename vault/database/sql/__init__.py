"""SQL: dialects, compiled statements and database URLs."""
