"""Replies of providers' REST interfaces."""
