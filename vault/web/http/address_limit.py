"""A limit per client address by a fixed-window counter, such as for requests for dead links and wrong sign-ins.

An address's window begins when something is counted for it, and lasts a minute. The table is in memory: each process
has its own, and a restart clears it.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from vault.errors import TooMany

MINUTE = timedelta(minutes=1)
#: Max addresses in the table; the one whose window began first is evicted first.
MAX_ADDRESSES = 10_000
#: Prefix length by which IPv6 clients are counted: a client usually has a whole /64 (RFC 6177, section 2).
_IPV6_BITS = 64


@dataclass(slots=True)
class _Window:
    """What was counted for one address since its window began."""

    began: datetime
    count: int = 0


class AddressLimit:
    """The table: the current window of each address."""

    def __init__(self, limit: int, text: str) -> None:
        """Start with an empty table. ``text`` says what the address did ``limit`` times within a window."""
        self._limit = limit
        self._text = text
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        """Return the number of addresses in the table."""
        return len(self._windows)

    def check(self, address: str, now: datetime) -> None:
        """Raise TooMany while the address's count has reached the limit."""
        window = self._current_window(address, now)
        if window is None or window.count < self._limit:
            return
        left = math.ceil((window.began + MINUTE - now).total_seconds())
        raise TooMany(self._text, retry_after=left)

    def count(self, address: str, now: datetime) -> None:
        """Count one more."""
        window = self._current_window(address, now)
        if window is None:
            # Inserted at the end, so the table is ordered by the start of the windows.
            window = self._windows[_table_key(address)] = _Window(now)
            while len(self._windows) > MAX_ADDRESSES:
                del self._windows[next(iter(self._windows))]
        window.count += 1

    def _current_window(self, address: str, now: datetime) -> _Window | None:
        """Return the address's window; drop it if it is over or if the clock was set back before its start."""
        key = _table_key(address)
        window = self._windows.get(key)
        if window is not None and not window.began <= now < window.began + MINUTE:
            del self._windows[key]
            return None
        return window


def _table_key(address: str) -> str:
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        # Converted to int to drop the zone, which a network cannot have.
        return str(IPv6Network((int(found), _IPV6_BITS), strict=False))
    return address
