"""HTTP: authentication, idempotency, problem documents, pages and addresses."""
