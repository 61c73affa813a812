"""Every parser of bytes that somebody else wrote, fuzzed by what it covers: ``make fuzz``."""
