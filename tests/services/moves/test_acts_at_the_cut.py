"""On PostgreSQL others write while a move compares and cuts: what they acknowledge is carried, or it is refused."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fakes.objects import FakeObjects
from tests.services.moves.conftest import HERE_URL, THERE, THERE_URL, TwoVaults
from tests.services.moves.test_old_addresses import available
from tests.support.parties import ME
from tests.support.permissions import link_wish
from tests.support.service_house import House, new_house, with_account
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.stores.moves.rows import MovingRows
from vault.domain.ids import Token
from vault.errors import NotAuthentic, NotFound, Unavailable
from vault.services.moves.move_account import MoveAccount
from vault.thread_pools import Threads

#: Seconds that an act has between the comparison and the cut; one that must wait for the cut takes them all.
_MOMENT: Final = 0.5
#: Acts, and afterwards shows whether that has its effect in a vault.
Act = Callable[[House], Awaitable[Callable[[House], Awaitable[bool]]]]


async def _is_valid(house: House, key: Token) -> bool:
    try:
        await house.vault.accounts.api_keys.authenticate(key.text)
    except NotAuthentic:
        return False
    return True


async def _prepare_key(house: House) -> Act:
    keys = house.vault.accounts.api_keys
    made, text = await keys.issue(
        name="k", scopes=["audit:read"], account_id=house.account.id, actor="operator"
    )

    async def revoke(here: House) -> Callable[[House], Awaitable[bool]]:
        await here.vault.accounts.api_keys.revoke(made.id, account_id=here.account.id, actor="operator")

        async def is_revoked(there: House) -> bool:
            return not await _is_valid(there, text)

        return is_revoked

    return revoke


async def _prepare_new_key(house: House) -> Act:
    del house

    async def issue(here: House) -> Callable[[House], Awaitable[bool]]:
        keys, account_id = here.vault.accounts.api_keys, here.account.id
        _, text = await keys.issue(name="n", scopes=["audit:read"], account_id=account_id, actor="operator")

        async def is_valid(there: House) -> bool:
            return await _is_valid(there, text)

        return is_valid

    return issue


async def _prepare_link(house: House) -> Act:
    recording_id = await available(house)
    links, account_id = house.vault.playback.links, house.account.id
    link, token = await links.create(account_id, recording_id, link_wish(), **ME)

    async def revoke(here: House) -> Callable[[House], Awaitable[bool]]:
        await here.vault.playback.links.revoke(account_id, recording_id, link.id, **ME)

        async def is_dead(there: House) -> bool:
            try:
                await there.vault.playback.open_links.open(
                    token.text, nonce="n", address="192.0.2.1", agent=""
                )
            except NotFound:
                return True
            return False

        return is_dead

    return revoke


ACTS: Final[Mapping[str, Callable[[House], Awaitable[Act]]]] = {
    "a key is revoked": _prepare_key,
    "a key is made": _prepare_new_key,
    "a link is revoked": _prepare_link,
}


@pytest.fixture
async def vaults(
    tmp_path: Path, threads: Threads, postgresql: PostgresqlDatabase
) -> AsyncIterator[TwoVaults]:
    """Two vaults, of which the first is on PostgreSQL; its account ``leaver`` leaves."""
    (tmp_path / "there").mkdir()
    async with (
        new_house(tmp_path, threads, postgresql, objects=FakeObjects(), public_url=HERE_URL) as first,
        new_house(
            tmp_path / "there", threads, objects=FakeObjects(), public_url=THERE_URL, signer=THERE
        ) as there,
    ):
        here = await with_account(first, "leaver")
        yield TwoVaults(here, there, MoveAccount(here=here.vault.moves.here, there=there.vault.moves.here))


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_is_carried_or_refused(vaults: TwoVaults, name: str, monkeypatch: pytest.MonkeyPatch):
    """It begins when the account was compared for the last time, and has not left yet."""
    loop, acts = asyncio.get_running_loop(), []
    act, compare = await ACTS[name](vaults.here), MovingRows.are_as_kept

    def compare_and_act(rows: MovingRows, *asked: Any) -> bool:
        is_same = compare(rows, *asked)
        if is_same and not acts:
            acts.append(asyncio.run_coroutine_threadsafe(_tried(act, vaults.here), loop))
            time.sleep(_MOMENT)  # In the thread of the cut.
        return is_same

    monkeypatch.setattr(MovingRows, "are_as_kept", compare_and_act)
    await vaults.move(vaults.here.account.ref, actor="operator")
    (tried,) = acts
    has_effect = await asyncio.wrap_future(tried)
    assert has_effect is None or await has_effect(vaults.arrived)


async def _tried(act: Act, here: House) -> Callable[[House], Awaitable[bool]] | None:
    """Act; None if that is refused."""
    try:
        return await act(here)
    except Unavailable:
        return None
