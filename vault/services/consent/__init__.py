"""Consent: statements, policies, objections, notices and call documents."""
