"""Progress and report of a restore."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

#: Called with the name of the step, the number of items done, and the total; the total is 0 where it is unknown.
ProgressCallback = Callable[[str, int, int], Awaitable[None]]


#: The vault fact that exists from the start of a restore to its end. While it exists, no request is served.
MARK = "restoring"
#: Its value until the restore has compared the two logs: it is written together with the schema of a new database.
NEW_MARK = b"new"
#: The vault fact that exists while the manifests that no lost event names must still be compared: the time from which
#: the database may lack changes, and the last compared account. Requests are served meanwhile.
UNNAMED = "restoring-unnamed"


@dataclass(slots=True)
class Report:
    """Counts, and a sentence for each difference from the original state."""

    #: By name: accounts, available, tombstones, erased, refused, acts, leaves, own, providers.
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    #: Data that no restore recovers, since only the lost database had it.
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, count: int = 1) -> None:
        """Increase a count."""
        self.counts[name] = self.counts.get(name, 0) + count


async def no_progress(_step: str, _done: int, _total: int) -> None:
    """Ignore progress."""
