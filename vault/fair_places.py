"""A bounded number of places for work that may last, so that the long work of no accounts keeps another one waiting.

- ``size`` places are for any account, ``others`` more only for an account that holds none: the long work of as many
  accounts delays no other.
- Work that lasts longer than ``turn`` is long, and long work may hold all places but half of the ``others``: so there
  is always a place where nobody stays longer than ``turn``, however many accounts have long work.

When one more becomes long, an account gives its youngest up: that ends with GaveWay, and its caller begins it again
later. Among the accounts with the most long work it is one that has had its share of turns, else the one whose work
asked last. Nobody gives way for ever, whatever the others do:

- Work has asked since it first became long. Work that gives way before its share is over leaves that number to the next
  work of its account. So only those that asked before it can end it within its share; each of them has its own share,
  which is bounded, and asks anew after it.
- The share is one turn more, and doubles each time it was not enough: work of N turns uses up some log2(N) of them.
- Each double of a share has one place less: work that may stay for hours does not hold those of small shares.

What an account has asked for is kept in this process, for the last accounts only. Each node decides for its own places;
work that begins again on several comes in on one of them.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final, Self

from vault.errors import Unavailable

#: No limit, where none was set.
_ENDLESS: Final = 1 << 30
#: Seconds until it is looked again for work of other accounts, where none was found: each look is a query, and the
#: backlog of an account that has its places may be announced at any rate.
_REST: Final = 0.1
#: Accounts whose work gave way and that are remembered, and doubles of a share: no fetch or job lasts as many turns.
_REMEMBERED: Final = 4096
_MOST_DOUBLES: Final = 10


class GaveWay(Unavailable):
    """Work that took long was ended for work of other accounts. Its caller begins it again later."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("It took long while other accounts waited, so it gave way, and begins again soon.")


@dataclass(slots=True)
class _Account:
    """What an account asks for whose work gave way: since when, if it waits, and how often its share doubled."""

    asked: int | None = None
    doubles: int = 0


class Place:
    """A place that work of an account holds; used with ``with``, which leaves it."""

    def __init__(self, places: "FairPlaces", account_id: str) -> None:
        """Hold it; ``FairPlaces.take`` decides whether there is one."""
        self.account_id = account_id
        #: Turns that the work has had, and whether it has to end, or has ended.
        self.turns, self.ends = 0, False
        #: The number of its question for a place of long work, and how often its share doubled.
        self.asked = self.doubles = 0
        self._places = places
        self._scope = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_long(self) -> bool:
        """Whether the work has lasted longer than a turn."""
        return self.turns > 0

    @property
    def had_its_share(self) -> bool:
        """Whether long work has had all turns that nobody who asked later may end."""
        return self.turns > 1 << self.doubles

    def __enter__(self) -> Self:
        """Hold it already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it."""
        self._places.leave(self)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Run the work in the block. Raises GaveWay if it was long and had to make room; then it was cancelled."""
        self._begin_turn()
        try:
            async with self._scope:
                yield
        except TimeoutError:
            if self._scope.expired():
                raise GaveWay from None
            raise
        finally:
            if self.is_long and not self.ends:
                self._places.forget_share(self)
            self.ends = True
            if self._timer is not None:
                self._timer.cancel()

    def _begin_turn(self) -> None:
        if (seconds := self._places.seconds_of_turn) is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._end_turn)

    def _end_turn(self) -> None:
        self._places.end_turn(self)
        if not self.ends:
            self._begin_turn()

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
        self._questions = count()
        # The one that changed last at the end.
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self.limit(size, others=others, turn=turn)

    def limit(self, size: int, *, others: int = 0, turn: float | None = None) -> None:
        """Set the number of places, and the seconds after which work is long; None: never."""
        self._size, self._others, self.seconds_of_turn = size, others, turn
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

    def end_turn(self, place: Place) -> None:
        """Count a turn of the work in this place, and let some give way if more is long now than may be."""
        place.turns += 1
        if place.turns > 1 or place.ends:
            return
        account = self._accounts.get(place.account_id) or _Account()
        place.asked = next(self._questions) if account.asked is None else account.asked
        account.asked, place.doubles = None, account.doubles
        if (giving := self._has_to_give_way()) is not None:
            self._remember(giving)
            giving.give_way()

    def forget_share(self, place: Place) -> None:
        """Begin with a small share again, after long work that needed the large one has ended by itself."""
        account = self._accounts.get(place.account_id)
        if account is not None and account.asked is None and 2 * place.turns > 1 << account.doubles:
            del self._accounts[place.account_id]

    def _has_to_give_way(self) -> Place | None:
        """Return the work that has to end, where too much is long, or too much of it has large shares."""
        long = [one for one in self._held if one.is_long and not one.ends]
        for doubles in range(_MOST_DOUBLES, -1, -1):
            same = [one for one in long if one.doubles >= doubles]
            if len(same) > max(1, self._most_long - doubles):
                shares = Counter(one.account_id for one in same)
                most = max(shares.values())
                among = (one for one in same if shares[one.account_id] == most)
                chosen = max(among, key=lambda one: (one.had_its_share, one.asked)).account_id
                return [one for one in same if one.account_id == chosen][-1]
        return None

    def _remember(self, place: Place) -> None:
        """Keep the question of work that gives way, or, where it has had its share, that it needs a larger one."""
        account = self._accounts.setdefault(place.account_id, _Account())
        self._accounts.move_to_end(place.account_id)
        if place.had_its_share:
            account.doubles = max(account.doubles, min(place.doubles + 1, _MOST_DOUBLES))
        elif account.asked is None or place.asked < account.asked:
            account.asked = place.asked
        while len(self._accounts) > _REMEMBERED:
            self._accounts.popitem(last=False)
