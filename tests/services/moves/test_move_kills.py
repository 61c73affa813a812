"""A move dies, or something happens to the account, at each of its calls: nothing acknowledged is lost or doubled."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from tests.services.moves.conftest import TwoVaults
from tests.services.moves.test_old_addresses import available, heard
from tests.support.counts import count
from tests.support.parties import ME
from tests.support.permissions import link_wish
from tests.support.service_house import AUDIO, House, with_account
from vault.domain.ids import Token
from vault.domain.recordings.recording import State
from vault.errors import NotAuthentic, NotFound, Refused, Unavailable
from vault.services.moves.move_account import MoveAccount
from vault.services.moves.move_end import MoveEnd
from vault.services.retention.place_hold import HoldRequest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
ACTS: Final = ("webhook", "erasure", "hold", "off", "nothing")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Steps:
    """Counts what a move asks of databases and stores; at one of them something else happens first."""

    at: int
    happens: Callable[[], Awaitable[None]]
    done: int = 0

    async def step(self) -> None:
        """Take a step."""
        self.done += 1
        if self.done == self.at:
            await self.happens()


class Stepped:
    """A database or a store, each call of which is a step, and its answer another one."""

    def __init__(self, inner: Any, steps: Steps) -> None:
        self._inner, self._steps = inner, steps

    def __getattr__(self, name: str) -> Any:
        """Return what counts."""
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        async def call(*args: Any, **named: Any) -> Any:
            await self._steps.step()
            result = await found(*args, **named)
            await self._steps.step()
            return Stepped(result, self._steps) if name == "create" else result

        async def listed(*args: Any, **named: Any) -> AsyncIterator[Any]:
            await self._steps.step()
            async for one in found(*args, **named):
                yield one

        return listed if name in {"list", "versions"} else call


def stepped(end: MoveEnd, steps: Steps) -> MoveEnd:
    """Return an end of a move whose calls are steps."""
    parts: Any = {"database": Stepped(end.database, steps), "objects": Stepped(end.objects, steps)}
    return replace(end, move_objects=replace(end.move_objects, **parts), **parts)


@dataclass
class Account:
    """An account that moves, with a recording, its link, and what was acknowledged to it."""

    vaults: TwoVaults
    here: House
    recording_id: str
    token: Token
    #: The act that was acknowledged, and the recording that it announced.
    acted: str = "nothing"
    announced: str = ""

    @property
    def there(self) -> House:
        """Return the other vault with this account."""
        mine = {
            "account": self.here.account,
            "connection_id": self.here.connection_id,
            "secret": self.here.secret,
        }
        return replace(self.vaults.there, **mine)

    async def act(self, kind: str) -> None:
        """Let something happen where the account is; between the vaults nobody acknowledges it."""
        for house in (self.here, self.there):
            try:
                await self._act(kind, house)
            except (NotAuthentic, NotFound, Unavailable):
                continue
            self.acted = kind
            return

    async def _act(self, kind: str, house: House) -> None:
        account_id = self.here.account.id
        if kind == "webhook":
            self.announced = (await house.announce("late", call_ref="late")).recording_id or ""
        elif kind == "erasure":
            await house.vault.recordings.recordings.erase(account_id, self.recording_id, **ME)
        elif kind == "hold":
            wanted = HoldRequest(name="Dispute", reason="claim 7", calls=["call-rec-1"])
            await house.vault.retention.holds.place(account_id, wanted, **ME)
        elif kind == "off":
            await house.vault.accounts.switch.set(account_id, enabled=False, reason=None, **ME)

    async def move(self, steps: Steps) -> None:
        """Run the command."""
        here, there = (stepped(end, steps) for end in (self.vaults.move.here, self.vaults.move.there))
        await MoveAccount(here=here, there=there)(self.here.account.ref, actor="operator")

    async def check(self) -> None:
        """Assert that the account is whole at the other vault, and there alone."""
        there, account_id = self.there, self.here.account.id
        with pytest.raises(NotFound):
            await self.here.vault.accounts.accounts.find(self.here.account.ref)
        for recording_id in filter(None, [self.recording_id, self.announced]):
            gone = await self.here.database.read(lambda tx, one=recording_id: tx.recordings.by_id(one))
            assert gone is None
        state = await there.settle(self.recording_id)
        if self.acted == "erasure":
            assert state is State.ERASED
            assert not [key for key in there.objects.objects if f"/{self.recording_id}/" in key]
        else:
            assert state is State.AVAILABLE
            assert await there.heard(self.recording_id) == AUDIO
            assert await heard(there, self.token) == AUDIO
        if self.acted == "hold":
            with pytest.raises(Refused):
                await there.vault.recordings.recordings.erase(account_id, self.recording_id, **ME)
        # The platform repeats what it sent: no second recording, and none at all while the switch is off.
        again = await there.announce("late", call_ref="late")
        assert self.announced in {"", again.recording_id}
        if self.acted == "off":
            assert again.recording_id is None or await there.settle(again.recording_id) is State.REFUSED
        else:
            assert await there.settle(again.recording_id or "") is State.AVAILABLE
            calls = await there.database.read(lambda tx: tx.recordings.of_call(account_id, "late"))
            assert len(calls) == 1


async def account(vaults: TwoVaults, name: str) -> Account:
    """Return an account with a recording and a link to it."""
    here = await with_account(vaults.here, name)
    recording_id = await available(here)
    links = here.vault.playback.links
    _, token = await links.create(here.account.id, recording_id, link_wish(), **ME)
    return Account(vaults, here, recording_id, token)


async def nothing() -> None:
    """Let nothing happen."""


async def steps_of(vaults: TwoVaults) -> int:
    """Return how many steps a move has."""
    steps = Steps(0, nothing)
    one = await account(vaults, "whole")
    await one.move(steps)
    await one.check()
    return steps.done


@pytest.mark.parametrize("dies", [True, False], ids=["kill", "act"])
async def test_nothing_acknowledged_is_lost_or_doubled(vaults: TwoVaults, dies: bool):
    """The move dies at a step, something happens, and it goes on; or it happens while the move goes on."""
    last = await steps_of(vaults)
    tries = count(
        f"{'kills of a move, and an act' if dies else 'acts while a move goes on'}", small=20, full=5 * last
    )
    for number in range(tries):
        at, kind = 1 + number * last // tries, ACTS[number % len(ACTS)]
        one = await account(vaults, f"leaver-{number}")

        async def act(one: Account = one, kind: str = kind) -> None:
            await one.act(kind)

        async def die() -> None:
            raise Killed

        try:
            if dies:
                with pytest.raises(Killed):
                    await one.move(Steps(at, die))
                await act()
                await one.move(Steps(0, nothing))
            else:
                await one.move(Steps(at, act))
            await one.check()
        except BaseException as error:
            error.add_note(f"step {at} of {last}, {kind}, acknowledged {one.acted}")
            raise
