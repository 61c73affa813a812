"""The record of processing, and the registers."""
