"""What a restore found and did, for whoever asked for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

#: Told how far one is: of what, how many are done, and of how many; 0 where nobody knows.
ProgressCallback = Callable[[str, int, int], Awaitable[None]]


#: The fact of the vault that is there from a restore's beginning to its end. While it is, nothing is served.
MARK = "restoring"


@dataclass(slots=True)
class Report:
    """Counts, and a sentence for everything that is not as it was."""

    #: What was counted, by name: accounts, available, tombstones, erased, refused, acts, leaves, own, providers.
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    #: What no restore brings back, since it stood in the lost database alone.
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, count: int = 1) -> None:
        """Count."""
        self.counts[what] = self.counts.get(what, 0) + count


async def no_progress(_what: str, _done: int, _all: int) -> None:
    """Show nothing."""
