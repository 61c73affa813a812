"""What ends all listening ends every permission from before, opened or not, and for good."""

from collections.abc import Awaitable, Callable

import pytest

from tests.support.listening import recording_of
from tests.support.permissions import link_wish, once, permitted
from tests.support.service_house import House
from vault.services.shared.end_listening import Listening, end_listening

ME = {"actor": "key_test"}


async def restrict(house: House, recording: str) -> None:
    """Restrict the recording as an admin does."""
    await house.vault.recordings.restrict(house.account.id, recording, restricted=True, reason="r", **ME)


async def lift(house: House, recording: str) -> None:
    """Lift the restriction."""
    await house.vault.recordings.restrict(house.account.id, recording, restricted=False, reason=None, **ME)


async def revoke(house: House, recording: str) -> None:
    """Revoke all links of the recording."""
    await house.vault.links.revoke_all(house.account.id, recording_id=recording, listener=None, **ME)


async def revoke_listener(house: House, _recording: str) -> None:
    """Revoke all links of the listener."""
    await house.vault.links.revoke_all(house.account.id, recording_id=None, listener="Ada", **ME)


async def end(house: House, recording: str) -> None:
    """End all listening to the recordings of its call, twice."""
    row = await house.row(recording)

    def run(tx: object) -> int:
        tx.lock_account_and_call(house.account.id, row.call_ref)  # type: ignore[attr-defined]
        of_call = [one.id for one in tx.recordings.of_call(house.account.id, row.call_ref)]  # type: ignore[attr-defined]
        what = Listening(recording_ids=of_call)
        return end_listening(tx, house.account.id, what, at=tx.now(), actor="key_test")  # type: ignore[arg-type,attr-defined]

    assert await house.database.write(run) > 0
    assert await house.database.write(run) == 0


ACTS: dict[str, Callable[[House, str], Awaitable[None]]] = {
    "restriction": restrict, "links of a recording": revoke, "links of a listener": revoke_listener, "a call": end,
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
async def test_nothing_from_before_is_heard_any_more(either: House, act: str):
    """Own and signed links, opened and not, media links, sessions, streams: also after a restriction is lifted."""
    recording, other = await recording_of(either, "Kim"), await recording_of(either, "Sam")
    before = await permitted(either, recording)
    of_other = await permitted(either, other, "Bo")
    names = {*before.links, *before.sessions, *before.streams}
    await ACTS[act](either, recording)
    assert await before.alive(either) == set()
    if act == "restriction":
        await lift(either, recording)
        assert await before.alive(either) == set()
    # The same kinds of another recording go on, and new ones of this one.
    assert await of_other.alive(either) == names
    _, token = await either.vault.links.create(either.account.id, recording, link_wish(), **ME)
    assert await once(either, token.text)


async def test_a_restriction_leaves_a_link_for_legal_claims(either: House):
    """Also where customers sign links: the cut of what they signed is none of what plays a restricted recording."""
    recording = await recording_of(either, "Kim")
    before = await permitted(either, recording)
    wish = link_wish(purpose="legal_claims", purpose_text="Acme v. Doe", may_open_restricted=True)
    _, token = await either.vault.links.create(either.account.id, recording, wish, **ME)
    await restrict(either, recording)
    assert await before.alive(either) == set()
    assert await once(either, token.text)
