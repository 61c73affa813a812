"""What ends all listening ends every permission from before, opened or not, and for good."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.listening import recording_of
from tests.support.permissions import link_wish, once, permitted
from tests.support.service_house import House
from vault.services.playback.link_cuts import CutRequest
from vault.services.shared.end_listening import Listening, end_listening

ME = {"actor": "key_test"}


async def restrict(house: House, recording: str) -> None:
    """Restrict the recording as an admin does."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording, restricted=True, reason="r", **ME
    )


async def lift(house: House, recording: str) -> None:
    """Lift the restriction."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording, restricted=False, reason=None, **ME
    )


async def revoke(house: House, recording: str) -> None:
    """Revoke all links of the recording."""
    await house.vault.playback.links.revoke_all(house.account.id, recording_id=recording, listener=None, **ME)


async def revoke_listener(house: House, _recording: str) -> None:
    """Revoke all links of the listener."""
    await house.vault.playback.links.revoke_all(house.account.id, recording_id=None, listener="Ada", **ME)


async def end(house: House, recording: str) -> None:
    """End all listening to the recordings of its call, twice."""
    row = await house.row(recording)

    def run(tx: object) -> int:
        tx.lock_account_and_call(house.account.id, row.call_ref)  # type: ignore[attr-defined]
        of_call = [one.id for one in tx.recordings.of_call(house.account.id, row.call_ref)]  # type: ignore[attr-defined]
        what = Listening(recording_ids=of_call)
        return end_listening(tx, house.account.id, what, at=tx.now(), actor="key_test")  # type: ignore[arg-type,attr-defined]

    assert await house.vault.database.write(run) > 0
    assert await house.vault.database.write(run) == 0


def cut(**what: str) -> Callable[[House, str], Awaitable[None]]:
    """Return what cuts all links of the account, or of a listener."""

    async def run(house: House, _recording: str) -> None:
        await house.vault.playback.link_cuts.make(house.account.id, CutRequest(**what), **ME)

    return run


async def cut_recording(house: House, recording: str) -> None:
    """Cut all links of the recording."""
    await cut(recording=recording)(house, recording)


async def revoke_account(house: House, _recording: str) -> None:
    """Revoke all links of the account."""
    await house.vault.playback.links.revoke_all(house.account.id, recording_id=None, listener=None, **ME)


async def close(house: House, _recording: str) -> None:
    """End all listening of the account, as its closure does."""

    def run(tx: object) -> int:
        tx.lock_account(house.account.id, exclusive=True)  # type: ignore[attr-defined]
        return end_listening(tx, house.account.id, Listening(), at=tx.now(), actor="key_test")  # type: ignore[arg-type,attr-defined]

    await house.vault.database.write(run)


ACTS: dict[str, Callable[[House, str], Awaitable[None]]] = {
    "restriction": restrict, "links of a recording": revoke, "links of a listener": revoke_listener, "a call": end,
    "cut of a recording": cut_recording, "cut of a listener": cut(listener="Ada"),
}  # fmt: skip
#: After these, nothing of the account is heard by an older permission.
OF_ACCOUNT: dict[str, Callable[[House, str], Awaitable[None]]] = {
    "links of the account": revoke_account, "cut of the account": cut(), "the account": close,
}  # fmt: skip
#: By how many seconds the clock of who signs links is ahead, of the 60 that the vault allows.
AHEAD = 50


@pytest.mark.parametrize("act", ACTS)
async def test_nothing_from_before_is_heard_any_more(either: House, act: str):
    """Own and signed links, opened and not, media links, sessions, streams: also after a restriction is lifted."""
    recording, other = await recording_of(either, "Kim"), await recording_of(either, "Sam")
    before = await permitted(either, recording, ahead=AHEAD)
    of_other = await permitted(either, other, "Bo")
    names = {*before.links, *before.sessions, *before.streams}
    await ACTS[act](either, recording)
    assert await before.alive(either) == set()
    if act == "restriction":
        await lift(either, recording)
        assert await before.alive(either) == set()
    # The same kinds of another recording go on, and new ones of this one.
    assert await of_other.alive(either) == names
    _, token = await either.vault.playback.links.create(either.account.id, recording, link_wish(), **ME)
    assert await once(either, token.text)


@pytest.mark.parametrize("act", OF_ACCOUNT)
async def test_nothing_of_the_account_is_heard_any_more(either: House, act: str):
    """By links from before; a new one of the vault opens immediately."""
    recording = await recording_of(either, "Kim")
    before = await permitted(either, recording, ahead=AHEAD)
    await OF_ACCOUNT[act](either, recording)
    assert await before.alive(either) == set()
    _, token = await either.vault.playback.links.create(either.account.id, recording, link_wish(), **ME)
    assert await once(either, token.text)


async def test_a_cut_of_a_key_ends_what_it_signed(either: House):
    """Also what it signed with a clock that is ahead; the vault's own links go on."""
    recording = await recording_of(either, "Kim")
    before = await permitted(either, recording, ahead=AHEAD)
    key = await either.database.read(lambda tx: tx.link_keys.by_id(before.minter.key_id))
    assert key is not None
    names = {*before.links, *before.sessions, *before.streams}
    await cut(key=key.name)(either, recording)
    assert await before.alive(either) == {name for name in names if name.startswith("own")}


async def test_a_cut_of_a_time_leaves_what_was_minted_later(either: House):
    """Which is how a customer whose clock is right cuts, and signs new links in the same minute."""
    recording = await recording_of(either, "Kim")
    before = await permitted(either, recording)
    now = datetime.now(UTC) + timedelta(seconds=1)
    await either.vault.playback.link_cuts.make(either.account.id, CutRequest(minted_before=now), **ME)
    assert await before.alive(either) == set()
    at = int(now.timestamp()) + 1
    assert await once(either, before.minter.token(recording, lsn="Ada", iat=at, exp=at + 600))


async def test_a_restriction_leaves_a_link_for_legal_claims(either: House):
    """Also where customers sign links: the cut of what they signed is none of what plays a restricted recording."""
    recording = await recording_of(either, "Kim")
    before = await permitted(either, recording)
    wish = link_wish(purpose="legal_claims", purpose_text="Acme v. Doe", may_open_restricted=True)
    _, token = await either.vault.playback.links.create(either.account.id, recording, wish, **ME)
    await restrict(either, recording)
    assert await before.alive(either) == set()
    assert await once(either, token.text)
