"""The access log's entries, and what is told from them: who listened to what, and when."""
