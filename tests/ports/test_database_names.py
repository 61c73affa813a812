"""What an announced name stands for already: the hot statements of both databases say what ``named_at`` says."""

from functools import partial
from itertools import product

from tests.support.database_rows import announcement, open_account, set_columns, upload
from vault.database.interface import Database
from vault.database.schema.core import recordings
from vault.database.stores.recordings.recording_names import named_recordings
from vault.database.stores.recordings.recordings import NewRecording, new_row
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import Recording, State, named_at

_STATES = (None, State.RECEIVED, State.AVAILABLE, State.FAILED, State.REFUSED, State.ERASED)


def _insert(tx: Transaction, new: NewRecording) -> None:
    row = new_row(new, state=State.RECEIVED, reasons=(), epoch=0)
    tx.connection.execute(recordings.insert().values(row))


async def _rows(database: Database, name: str) -> list[Recording]:
    return list(await database.read(lambda tx: named_recordings(tx.connection, "acct_a", "call-1", name)))


async def test_the_statements_say_what_a_name_stands_for(database: Database):
    """For an upload, the connection itself and another one, in every state beside each other, under either key.

    One exception: what failed at the connection itself is said first, and ``AnnounceAgain`` decides on it.
    """
    await open_account(database)
    for number, states in enumerate(product(_STATES, repeat=3)):
        name = f"name-{number}"
        stored, sent = (name, f"{name}\x1fcall-1")[:: 1 if number % 2 else -1]
        makers = (upload, announcement, partial(announcement, connection_id="conn_2"))
        for state, make in zip(states, makers, strict=True):
            if state is not None:
                new = make(stored)
                await database.write(partial(_insert, new=new))
                await set_columns(database, new.id, state=str(state))
        before = await _rows(database, name)
        own = [one for one in before if one.connection_id == "conn_1"]
        expected = own[:1] if own else named_at("conn_1", before)
        answered = await database.announce(announcement(sent))
        if not expected:
            assert answered.created, states
            continue
        assert not answered.created, states
        assert (answered.recording_id, answered.state) == (expected[0].id, expected[0].state), states
        assert len(await _rows(database, name)) == len(before)


async def test_the_same_key_of_another_call_is_said_first(database: Database):
    """Providers whose names are unique report one recording from several legs."""
    await open_account(database)
    first = await database.announce(announcement("RE1", call_ref="a"))
    new = upload("RE1", call_ref="b")
    await database.write(lambda tx: _insert(tx, new))
    again = await database.announce(announcement("RE1", call_ref="b"))
    assert (again.recording_id, again.call_ref, again.created) == (first.recording_id, "a", False)
