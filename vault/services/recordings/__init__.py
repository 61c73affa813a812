"""Recordings and calls: search, restrict, erase, and the sweep of orphans."""
