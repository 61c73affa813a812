"""A bounded number of places for work that may last, so that the long work of no accounts keeps another one waiting.

- ``size`` places are for any account, ``others`` more only for an account that holds none: the long work of as many
  accounts delays no other.
- Work that lasts longer than ``turn`` is long, and long work may hold all places but half of the ``others``. When one
  more becomes long, the account with the most long work gives its youngest up: that ends with GaveWay, and its caller
  begins it again later. So there is always a place where nobody stays longer than ``turn``, however many accounts have
  long work, and what is long by right ends too, because the oldest stays.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

from vault.errors import Unavailable

#: No limit, where none was set.
_ENDLESS: Final = 1 << 30
#: Seconds until it is looked again for work of other accounts, where none was found: each look is a query, and the
#: backlog of an account that has its places may be announced at any rate.
_REST: Final = 0.1


class GaveWay(Unavailable):
    """Work that took long was ended for work of other accounts. Its caller begins it again later."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("It took long while other accounts waited, so it gave way, and begins again soon.")


class Place:
    """A place that work of an account holds; used with ``with``, which leaves it."""

    def __init__(self, places: "FairPlaces", account_id: str) -> None:
        """Hold it; ``FairPlaces.take`` decides whether there is one."""
        self.account_id = account_id
        #: Whether the work has lasted longer than a turn, and whether it has to end, or has ended.
        self.is_long = self.ends = False
        self._places = places
        self._scope = asyncio.timeout(None)

    def __enter__(self) -> Self:
        """Hold it already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it."""
        self._places.leave(self)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Run the work in the block. Raises GaveWay if it was long and had to make room; then it was cancelled."""
        timer = self._places.call_at_end_of_turn(self)
        try:
            async with self._scope:
                yield
        except TimeoutError:
            if self._scope.expired():
                raise GaveWay from None
            raise
        finally:
            self.ends = True
            if timer is not None:
                timer.cancel()

    def give_way(self) -> None:
        """End the work of ``turn``."""
        self.ends = True
        self._scope.reschedule(asyncio.get_running_loop().time())


class FairPlaces:
    """The places of one kind of work in this process."""

    def __init__(self, size: int = _ENDLESS, *, others: int = 0, turn: float | None = None) -> None:
        """Start with all places free; as many as are wanted, unless a ``size`` is given here or by ``limit``."""
        self._held: list[Place] = []
        self._asking = self._taken = 0
        self._rests_until = 0.0
        self._one_by_one = asyncio.Lock()
        self.limit(size, others=others, turn=turn)

    def limit(self, size: int, *, others: int = 0, turn: float | None = None) -> None:
        """Set the number of places, and the seconds after which work is long; None: never."""
        self._size, self._others, self._turn = size, others, turn
        self._most_long = size + others - max(1, others // 2)

    @property
    def held(self) -> tuple[Place, ...]:
        """Return the places that are held, the oldest first."""
        return tuple(self._held)

    @property
    def total(self) -> int:
        """Return how many places are held."""
        return len(self._held)

    def is_free_for(self, account_id: str) -> bool:
        """Return whether a place is free for work of this account."""
        if self.total < self._size:
            return True
        return self.total < self._size + self._others and all(
            place.account_id != account_id for place in self._held
        )

    def take(self, account_id: str) -> Place | None:
        """Take a place; None if none is free for this account."""
        if not self.is_free_for(account_id):
            return None
        self._taken += 1
        self._held.append(Place(self, account_id))
        return self._held[-1]

    def leave(self, place: Place) -> None:
        """Free a place."""
        self._held.remove(place)

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[frozenset[str]]:
        """Look for work in the block, and take a place for what was found; yield the accounts that may not have one.

        Where only the places for others may be left, one looks after the other: what two find at the same time may be
        of one account.
        """
        if self.total + self._asking < self._size:
            self._asking += 1
            try:
                yield frozenset()
            finally:
                self._asking -= 1
            return
        clock = asyncio.get_running_loop().time
        async with self._one_by_one:
            await asyncio.sleep(max(0.0, self._rests_until - clock()))
            is_left = self.total + self._asking < self._size
            closed, taken = () if is_left else (place.account_id for place in self._held), self._taken
            yield frozenset(closed)
            if not is_left and taken == self._taken:
                self._rests_until = clock() + _REST

    def call_at_end_of_turn(self, place: Place) -> asyncio.TimerHandle | None:
        """Note after a turn that the work in this place is long."""
        if self._turn is None:
            return None
        return asyncio.get_running_loop().call_later(self._turn, self.end_turn, place)

    def end_turn(self, place: Place) -> None:
        """Count the work in this place as long, and let some give way if that is too much."""
        place.is_long = True
        long = [one for one in self._held if one.is_long and not one.ends]
        if len(long) > self._most_long:
            shares = Counter(one.account_id for one in long)
            most = max(shares.values())
            [one for one in long if shares[one.account_id] == most][-1].give_way()
