"""Whether a link plays a recording in its state: the same in SQL, for the hot statements, as in Python.

A recording in quarantine plays for the check of its consent alone, by a key with that scope, and on record.
"""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest
from sqlalchemy import text

from tests.support.listening import heard, opened, played
from tests.support.parties import ME, kept_apart, set_policy
from tests.support.service_house import House
from vault.database.stores.hot.statements import PLAYS
from vault.domain.ids import Token
from vault.domain.playback.link import Kind, Purpose
from vault.domain.recordings.recording import State
from vault.errors import Forbidden, Invalid, NotFound, Refused
from vault.services.playback.link_request import LinkRequest

#: One row as each hot statement meets it: a recording r and a link l of it.
QUERY = text(
    f"SELECT coalesce({PLAYS}, false) FROM (SELECT cast(:state AS varchar) AS state,"  # noqa: S608 - our own rule
    " cast(:restricted AS boolean) AS restricted) r, (SELECT cast(:plays_restricted AS boolean) AS plays_restricted,"
    " cast(:purpose AS varchar) AS purpose, cast(:kind AS varchar) AS kind) l"
)


async def test_sql_and_python_agree(either: House):
    """Over the whole table of state, restriction, right to what is restricted, purpose and kind."""
    recording_id = (await either.announce()).recording_id
    await either.settle(recording_id)
    request = LinkRequest(listener="Ada", kind="player", life=timedelta(minutes=15), sessions=1)
    link, _ = await either.vault.playback.links.create(
        either.account.id, recording_id, request, actor="key_test"
    )
    recording = await either.row(recording_id)
    names = ("state", "restricted", "plays_restricted", "purpose", "kind")
    table = [
        dict(zip(names, row, strict=True))
        for row in product(
            map(str, State), (False, True), (None, False, True), (None, *get_args(Purpose)), get_args(Kind)
        )
    ]
    in_sql = await either.database.read(
        lambda tx: [bool(tx.connection.execute(QUERY, row).scalar()) for row in table]
    )
    said = [
        replace(
            link, plays_restricted=bool(row["plays_restricted"]), purpose=row["purpose"], kind=row["kind"]
        ).plays(replace(recording, state=State(row["state"]), restricted=row["restricted"]))
        for row in table
    ]
    assert in_sql == said
    assert {(row["state"], row["restricted"]) for row, plays in zip(table, said, strict=True) if plays} == {
        ("available", False), ("available", True), ("quarantined", False),
    }  # fmt: skip


async def link(
    house: House, recording_id: str, purpose="consent_check", *, may: bool = True, **other
) -> Token:
    """Create a link for a purpose."""
    narrow = {"kind": "player", "life": timedelta(minutes=5), "sessions": 1}
    wish = LinkRequest(listener="Kim", purpose=purpose, may_open_quarantined=may, **narrow | other)
    _, token = await house.vault.playback.links.create(house.account.id, recording_id, wish, **ME)
    return token


async def waiting(house: House) -> str:
    """Return a recording in quarantine."""
    await set_policy(house)
    return await kept_apart(house)


async def test_only_the_check_of_the_consent_plays_it(either: House):
    """No other purpose, key or download does; the log has the purpose and each range."""
    recording_id = await waiting(either)
    for purpose in (None, "quality", "legal_claims"):
        with pytest.raises(Refused, match="quarantined"):
            await link(either, recording_id, purpose)
    with pytest.raises(Forbidden, match="quarantine:listen"):
        await link(either, recording_id, may=False)
    with pytest.raises(NotFound):
        await either.vault.playback.audio.for_download(either.account.id, recording_id, **ME)
    with pytest.raises(NotFound):
        await either.vault.playback.player.waveform(either.account.id, recording_id, **ME)
    assert await heard(either, await link(either, recording_id))
    await either.vault.jobs.log_publisher.sequence()
    page = await either.database.read(
        lambda tx: tx.events.page(either.account.id, recording_id=recording_id, start=0, limit=100)
    )
    (made,) = [one.event for one in page if one.event.type == "link.created"]
    assert made.result == "consent_check"
    assert {one.event.link_id for one in page if one.event.type == "playback.grant"} == {made.link_id}


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "media"), ("download", True), ("sessions", 2), ("expires_in", timedelta(hours=1))],
)
async def test_such_a_link_is_narrow(house: House, field: str, value: object):
    """One session of the player, within a quarter of an hour, and no file."""
    recording_id = await waiting(house)
    with pytest.raises(Invalid) as wrong:
        await link(house, recording_id, **{"life" if field == "expires_in" else field: value})
    assert wrong.value.field == field


async def test_a_refusal_ends_its_session(either: House):
    """What was refused has no keys, so neither the session nor another link plays it."""
    recording_id = await waiting(either)
    token, later = await link(either, recording_id), await link(either, recording_id)
    session = await opened(either, token)
    assert await played(either, session)
    await either.vault.recordings.quarantine.refuse(
        either.account.id, recording_id, reason="no consent", **ME
    )
    with pytest.raises(NotFound):
        await played(either, session)
    _, state = await either.vault.playback.open_links.state(session.session.id, session.secret.text)
    assert state == "erased"
    with pytest.raises(NotFound):
        await heard(either, later)
    with pytest.raises(Refused):
        await link(either, recording_id)


async def test_a_restricted_one_is_heard_by_nobody(either: House):
    """Restriction comes before quarantine: neither a new link nor an open session."""
    recording_id = await waiting(either)
    token = await link(either, recording_id)
    session = await opened(either, token)
    await either.vault.recordings.recordings.restrict(
        either.account.id, recording_id, restricted=True, reason="r", **ME
    )
    with pytest.raises(NotFound):
        await played(either, session)
    with pytest.raises(Refused, match="restricted"):
        await link(either, recording_id)


async def test_a_release_lets_the_session_go_on(either: House):
    """It plays on as any available recording does."""
    recording_id = await waiting(either)
    session = await opened(either, await link(either, recording_id))
    await either.vault.recordings.quarantine.release(either.account.id, recording_id, reason="on paper", **ME)
    assert await played(either, session)
