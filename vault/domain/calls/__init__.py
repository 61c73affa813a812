"""Calls as platforms report them: facts, webhooks, and the documents that a platform is answered with."""
