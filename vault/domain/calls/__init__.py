"""Calls as platforms report them: facts, webhooks, and the call documents in the responses."""
