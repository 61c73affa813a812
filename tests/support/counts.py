"""How often a proof repeats: a few times always, and often enough to mean something under ``make faults``."""

import os
from collections import defaultdict
from typing import Final

#: Whether proofs run with their full counts.
FULL: Final = os.environ.get("CALLVAULT_FAULTS") == "1"
#: What was tried and how often, by the test that did it: the table at the end of a run.
TRIED: dict[str, list[tuple[str, int]]] = defaultdict(list)


def count(what: str, *, small: int, full: int) -> int:
    """Return the count, and print it: a reduced proof must not look like a whole one."""
    chosen = full if FULL else small
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" (")[0]
    TRIED[test].append((what, chosen))
    print(f"{what}: {chosen}" + ("" if chosen == full else f" (reduced; CALLVAULT_FAULTS=1 does {full})"))
    return chosen
