"""How often a proof repeats: a few times always, and often enough to mean something under ``make faults``."""

import os


def count(what: str, *, small: int, full: int) -> int:
    """Return the count, and print it: a reduced proof must not look like a whole one."""
    every = os.environ.get("CALLVAULT_FAULTS") == "1"
    chosen = full if every else small
    print(f"{what}: {chosen}" + ("" if chosen == full else f" (reduced; CALLVAULT_FAULTS=1 does {full})"))
    return chosen
