"""The export of the register of authorities: counts by the elements of RDR's indicator P11a, and no person.

Ranking Digital Rights, indicator P11a ("Data about government demands for user information"): by country; stored or
live; accounts affected; content or not; type of legal process; court orders; complied with, by kind; what may not be
disclosed; for each year; as a structured file.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vault.domain.registers.entries import AuthorityRequest

#: Kinds that a court issues or confirms.
COURT_KINDS = frozenset({"order", "warrant"})


@dataclass(slots=True, kw_only=True)
class CountryCounts:
    """The counts of one country."""

    received: int = 0
    access: Counter[str] = field(default_factory=Counter)
    scope: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    #: By kind, then by decision; ``open`` where nothing was decided yet.
    decisions: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    court_orders: int = 0
    affected: int = 0
    #: Requests that do not say how many persons or accounts they affect.
    affected_unknown: int = 0

    def add(self, request: AuthorityRequest) -> None:
        """Count one request."""
        self.received += 1
        self.access[request.access] += 1
        self.scope[request.scope] += 1
        self.kinds[request.kind] += 1
        self.decisions[request.kind][request.decision or "open"] += 1
        self.court_orders += request.kind in COURT_KINDS
        affected = len(request.numbers) or None if request.affected is None else request.affected
        self.affected += affected or 0
        self.affected_unknown += affected is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransparencyReport:
    """The counts of one year."""

    year: int
    countries: Mapping[str, CountryCounts]
    #: Countries, ordered.
    order: Sequence[str]


def count_requests(requests: Iterable[AuthorityRequest], year: int, *, now: datetime) -> TransparencyReport:
    """Count the requests received in a year (UTC). One that is still secret is left out, as if it were unknown."""
    countries: dict[str, CountryCounts] = defaultdict(CountryCounts)
    for request in requests:
        is_secret = request.secret_until is not None and request.secret_until > now
        if request.received_at.year == year and not is_secret:
            countries[request.country].add(request)
    return TransparencyReport(year=year, countries=dict(countries), order=sorted(countries))
