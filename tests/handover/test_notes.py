"""Notes that their authors marked for the CRM stand in its record; others never, whatever the database says."""

from dataclasses import replace

from sqlalchemy import update

from tests.fakes.crm import NotebookPeer
from tests.support.handing import ANN, activate, call, hand_over, restrict, states
from tests.support.service_house import House
from vault.database.schema.playback import recording_notes
from vault.domain.playback.note import MAX_FOR_CRM, Note, NoteContent

BEA, CAL = "per_bea", "per_cal"


async def note(
    house: House, recording_id: str, text: str, *, author: str = BEA, for_crm: bool = True
) -> Note:
    """Make a note."""
    content = NoteContent(at=0, text=text, for_crm=for_crm)
    return await house.vault.playback.own_notes.add(house.account.id, recording_id, content, author=author)


async def handed_over(house: House, peer: NotebookPeer) -> tuple[str, str]:
    """Let a call stand in the system; return its recording and its text."""
    peer.contacts = [ANN]
    await activate(house)
    recording_id = await call(house)
    await hand_over(house)
    return recording_id, text_of(peer)


def text_of(peer: NotebookPeer) -> str:
    """Return the text of the one record."""
    (record,) = peer.records.values()
    return record["text"]


async def test_a_marked_note_is_handed_over_and_follows(either: House, peer: NotebookPeer):
    """When it is made, changed, unmarked and deleted; one that is not marked causes no request."""
    recording_id, bare = await handed_over(either, peer)
    asked = len(peer.requests)
    await note(either, recording_id, "mine alone", for_crm=False)
    await hand_over(either)
    assert len(peer.requests) == asked
    own, where = either.vault.playback.own_notes, (either.account.id, recording_id)
    first = await note(either, recording_id, "wants a refund")
    other = await note(either, recording_id, "calls back on Monday", author=CAL)
    assert await states(either) == ["outdated"]
    await hand_over(either)
    assert await states(either) == ["present"]
    assert text_of(peer).startswith(bare)
    assert ("wants a refund" in text_of(peer), "on Monday" in text_of(peer)) == (True, True)
    assert "mine alone" not in text_of(peer)
    await own.change(*where, first.id, lambda one: replace(one, text="has a refund"), author=BEA)
    await own.delete(*where, other.id, author=CAL)
    await hand_over(either)
    assert ("has a refund" in text_of(peer), "on Monday" in text_of(peer)) == (True, False)
    await own.change(*where, first.id, lambda one: replace(one, for_crm=False), author=BEA)
    await hand_over(either)
    assert text_of(peer) == bare


async def test_a_row_that_says_so_hands_over_nothing(either: House, peer: NotebookPeer):
    """The sealed note counts: who can write to the database alone lets no note leave."""
    recording_id, _ = await handed_over(either, peer)
    await note(either, recording_id, "mine alone", for_crm=False)
    await either.database.write(
        lambda tx: tx.connection.execute(update(recording_notes).values(for_crm=True)) and None
    )
    await note(either, recording_id, "for all")
    await hand_over(either)
    assert "for all" in text_of(peer)
    assert "mine alone" not in text_of(peer)


async def test_a_note_made_while_the_call_is_written_follows(either: House, peer: NotebookPeer):
    """What was read before it is not taken for what should stand there."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)

    async def write(name: str) -> None:
        if name == "POST /records":
            peer.meanwhile = None
            await note(either, recording_id, "just now")

    peer.meanwhile = write
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]
    assert "just now" in text_of(peer)


async def test_a_restricted_recording_says_no_note(either: House, peer: NotebookPeer):
    """Its record says that it is restricted and nothing else."""
    recording_id, _ = await handed_over(either, peer)
    await note(either, recording_id, "wants a refund")
    await restrict(either, recording_id, restricted=True)
    await hand_over(either)
    assert "wants a refund" not in text_of(peer)
    await restrict(either, recording_id, restricted=False)
    await hand_over(either)
    assert "wants a refund" in text_of(peer)


async def test_only_so_many_notes_are_handed_over(either: House, peer: NotebookPeer):
    """The first ones that were made, of all authors."""
    recording_id, _ = await handed_over(either, peer)
    for number in range(MAX_FOR_CRM + 1):
        await note(either, recording_id, f"note {number}.")
    await hand_over(either)
    assert f"note {MAX_FOR_CRM - 1}." in text_of(peer)
    assert f"note {MAX_FOR_CRM}." not in text_of(peer)
