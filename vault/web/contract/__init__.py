"""The OpenAPI document: completed, with examples, and served."""
