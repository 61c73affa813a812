"""The record of processing, the registers, and the page for callers."""
