"""Counts what each client address did within a minute, such as requests for dead links and wrong sign-ins.

The table is in memory: each process has its own, and a restart clears it.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from vault.errors import TooMany

#: Max failures of one address within a minute; later requests in that minute are 429.
MAX_FAILURES = 60
MINUTE = timedelta(minutes=1)
#: Max addresses in the table; the one whose minute began first is evicted first.
MAX_ADDRESSES = 10_000
#: Prefix length by which IPv6 clients are counted: a client usually has a whole /64 (RFC 6177, section 2).
_IPV6_BITS = 64


@dataclass(slots=True)
class _Minute:
    """What one address did since its minute began."""

    began: datetime
    count: int = 0


class AddressLimit:
    """The table: what each address did in its current minute."""

    def __init__(self, limit: int, text: str) -> None:
        """Start with an empty table; ``text`` says what the address did more than ``limit`` times in a minute."""
        self._limit = limit
        self._text = text
        self._minutes: dict[str, _Minute] = {}

    def __len__(self) -> int:
        """Return the number of addresses in the table."""
        return len(self._minutes)

    def check(self, address: str, now: datetime) -> None:
        """Raise TooMany while the address is over the limit."""
        minute = self._current_minute(address, now)
        if minute is None or minute.count < self._limit:
            return
        left = math.ceil((minute.began + MINUTE - now).total_seconds())
        raise TooMany(self._text, retry_after=left)

    def count(self, address: str, now: datetime) -> None:
        """Count one more."""
        minute = self._current_minute(address, now)
        if minute is None:
            # Inserted at the end, so the table is ordered by the start of the minutes.
            minute = self._minutes[_table_key(address)] = _Minute(now)
            while len(self._minutes) > MAX_ADDRESSES:
                del self._minutes[next(iter(self._minutes))]
        minute.count += 1

    def _current_minute(self, address: str, now: datetime) -> _Minute | None:
        """Return the address's minute; drop it if it is over or if the clock was set back before its start."""
        key = _table_key(address)
        minute = self._minutes.get(key)
        if minute is not None and not minute.began <= now < minute.began + MINUTE:
            del self._minutes[key]
            return None
        return minute


def _table_key(address: str) -> str:
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        # Converted to int to drop the zone, which a network cannot have.
        return str(IPv6Network((int(found), _IPV6_BITS), strict=False))
    return address
