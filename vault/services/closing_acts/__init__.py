"""Closing acts: the journal that makes them survive a loss of the database, and recovery mode."""
