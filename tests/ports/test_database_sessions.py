"""Sessions in the middle and at the end of their life, the same on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.database_rows import NOW, available, event, link, open_account, session, settle
from vault.database.interface import Database
from vault.database.stores.hot.statements import Grant
from vault.domain.recordings.recording import State

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def playing(database: Database):
    """A recording that a session listens to, at the moment NOW."""
    await open_account(database)
    recording = await available(database)
    made = link(recording.id, sessions=2)
    opened = session(made)
    await database.write(lambda tx: tx.links.insert(made, b"token"))
    await database.write(lambda tx: tx.links.open_session(opened, secret_hash=b"s", nonce_hash=b"n"))
    return recording, made, opened


async def erase(database: Database, recording) -> None:
    """Begin to erase the recording."""
    await database.write(lambda tx: settle(tx, recording, State.ERASING, reasons=()))


#: What is done to it; whether a session, and whether an API key, may still hear it afterwards.
ENDINGS = {
    "nothing": (None, True, True),
    "restricted": (lambda db, r, _: db.write(lambda tx: tx.recordings.restrict(r.id, restricted=True)), False, False),
    "revoked": (lambda db, _, made: db.write(lambda tx: tx.links.revoke(made.id, NOW)), False, True),
    "erasing": (lambda db, r, _: erase(db, r), False, False),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_is_no_longer_granted_is_no_longer_good(database: Database, playing, ending: str):
    """The question whether a grant is still good has the answer that granting it again would have."""
    recording, made, opened = playing
    act, by_session, by_key = ENDINGS[ending]
    if act is not None:
        await act(database, recording, made)
    for session_id, expected in ((opened.id, by_session), (None, by_key)):
        asked = event(recording.id, session_id=session_id, at=NOW)
        assert await database.is_valid(asked) is expected
        assert await database.grant(Grant(event=asked, session_id=session_id)) is expected


async def test_a_session_is_good_until_its_end(database: Database, playing):
    """Not at its end, not in another account, not for another recording, and not one that there never was."""
    recording, _, opened = playing
    good = event(recording.id, session_id=opened.id, at=opened.ends_at - MICROSECOND)
    for asked, expected in (
        (good, True),
        (replace(good, at=opened.ends_at), False),
        (replace(good, account_id="acct_b"), False),
        (replace(good, recording_id="rec_other"), False),
        (replace(good, session_id="sess_other"), False),
    ):
        assert await database.is_valid(asked) is expected


async def test_a_session_is_unsettled_until_it_is_settled(database: Database, playing):
    """It is found when it is over, with the size that the log had at its opening, and is settled once."""
    recording, made, opened = playing
    await database.write(lambda tx: [tx.events.append(event(recording.id)) for _ in range(3)])
    await database.write(lambda tx: tx.tree.settle())
    later = session(made, ends_at=opened.ends_at + timedelta(hours=1))
    await database.write(lambda tx: tx.links.open_session(later, secret_hash=b"s", nonce_hash=b"m"))

    async def over(at) -> list[tuple[str, str, str, int]]:
        found = await database.read(lambda tx: tx.links.unsettled(at, limit=10))
        return [(one.session_id, one.account_id, one.recording_id, one.log_size) for one in found]

    first = (opened.id, "acct_a", recording.id, 0)
    assert await over(opened.ends_at) == []
    assert await over(opened.ends_at + MICROSECOND) == [first]
    both = await over(later.ends_at + MICROSECOND)
    assert both == [first, (later.id, "acct_a", recording.id, 3)]
    assert len(await database.read(lambda tx: tx.links.unsettled(later.ends_at + MICROSECOND, limit=1))) == 1
    answers = [await database.write(lambda tx: tx.links.settle(opened.id)) for _ in range(2)]
    assert answers == [True, False]
    assert await over(later.ends_at + MICROSECOND) == both[1:]
