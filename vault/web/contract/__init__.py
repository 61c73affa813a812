"""The OpenAPI document: completed, with examples, and served as JSON and HTML."""
