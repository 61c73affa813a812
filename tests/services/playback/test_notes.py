"""Notes and bookmarks: their author's alone, sealed under the recording's key, and gone with it.

Notes of listeners who cannot sign in any more: with their names, for who is in charge of privacy; logged.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from tests.support.provider_settings import provider_settings
from tests.support.rotation import finish, rotate
from tests.support.service_house import House
from vault.database.schema.playback import recording_notes
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.note import MAX_NOTES, Note, NoteContent
from vault.domain.recordings.recording import State
from vault.domain.sign_in.connection import (
    PersonRow,
    Profile,
    RoleMapping,
    SignInConnection,
)
from vault.errors import Busy, Held, Invalid, NotFound, RecordingErased, Refused
from vault.services.lifecycle.restore_states import restore_tombstone
from vault.services.retention.place_hold import HoldRequest
from vault.services.sign_in.sign_in_connections import ConnectionChange

ME, OTHER = "per_1", "key_2"
WORDS = "asks for a refund"
PRIVACY = {"actor": "key_privacy"}
SETTINGS = provider_settings(RoleMapping(value="staff", role="listener"))


async def available(house: House) -> str:
    """Let a recording become available, and return its id."""
    recording_id: str = (await house.announce()).recording_id
    await house.settle(recording_id)
    return recording_id


async def add(
    house: House, recording_id: str, at: float, text: str | None = None, *, author: str = ME
) -> Note:
    """Make a note."""
    content = NoteContent(at=at, text=text)
    return await house.vault.playback.own_notes.add(house.account.id, recording_id, content, author=author)


async def shown(house: House, recording_id: str, *, author: str = ME) -> list[tuple[float, str | None]]:
    """Return moment and text of an author's notes."""
    found = await house.vault.playback.own_notes.list(house.account.id, recording_id, author=author)
    return [(note.content.at, note.content.text) for note in found]


async def rows(house: House) -> int:
    """Return how many notes the database has."""
    query = select(func.count()).select_from(recording_notes)
    return await house.database.read(lambda tx: tx.connection.execute(query).scalar_one())


async def events(house: House, recording_id: str) -> list[AccessEvent]:
    """Return the events of notes."""
    await house.vault.jobs.log_publisher.sequence()
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=recording_id, start=0, limit=1000)
    )
    return [one.event for one in page if one.event.type.startswith("note.")]


async def hold(house: House, recording_id: str) -> None:
    """Hold a recording."""
    wanted = HoldRequest(name="Acme v. Doe", reason="a claim", recordings=[recording_id])
    await house.vault.retention.holds.place(house.account.id, wanted, actor=ME)


async def test_a_note_is_made_changed_and_deleted_on_record(either: House):
    """In the order of their moments; the log names note and moment, sealed, and never the text."""
    recording_id = await available(either)
    account_id, own = either.account.id, either.vault.playback.own_notes
    note = await add(either, recording_id, 0.2504, f"  {WORDS}\n")
    await add(either, recording_id, 0.1)
    assert await shown(either, recording_id) == [(0.1, None), (0.25, WORDS)]
    later = await own.change(account_id, recording_id, note.id, lambda one: replace(one, at=0), author=ME)
    assert (later.content, later.made_at) == (NoteContent(at=0, text=WORDS), note.made_at)
    assert await own.change(account_id, recording_id, note.id, lambda one: one, author=ME) == later
    await own.delete(account_id, recording_id, note.id, author=ME)
    assert await shown(either, recording_id) == [(0.1, None)]
    with pytest.raises(NotFound):
        await own.delete(account_id, recording_id, note.id, author=ME)
    told = await events(either, recording_id)
    assert [event.type for event in told] == ["note.made", "note.made", "note.changed", "note.deleted"]
    details = [dict(await either.vault.audit_log.access_log.data_keys.open_detail(event)) for event in told]
    assert details[0] == {"note": note.id, "at": "0.25"}
    assert details[2:] == [{"note": note.id, "at": "0"}] * 2
    assert {event.actor for event in told} == {ME}


async def test_what_is_for_the_crm_is_sealed_in_the_note(either: House):
    """The row says it too, so that it is found; a bookmark has nothing to hand over."""
    recording_id = await available(either)
    own, where = either.vault.playback.own_notes, (either.account.id, recording_id)
    note = await own.add(*where, NoteContent(at=0, text=WORDS, for_crm=True), author=ME)
    await add(either, recording_id, 0.1, "mine alone")
    (row,) = await either.database.read(lambda tx: tx.recording_notes.for_crm(*where))
    assert row.id == note.id
    await own.change(*where, note.id, lambda one: replace(one, for_crm=False), author=ME)
    assert await either.database.read(lambda tx: tx.recording_notes.for_crm(*where)) == []
    with pytest.raises(Invalid) as refused:
        await own.add(*where, NoteContent(at=0, text=" ", for_crm=True), author=ME)
    assert refused.value.field == "for_crm"


async def test_only_its_author_sees_a_note(either: House):
    """For another author and for another recording its id is unknown."""
    recording_id = await available(either)
    note = await add(either, recording_id, 0, WORDS)
    assert await shown(either, recording_id, author=OTHER) == []
    own = either.vault.playback.own_notes
    for author, where in ((OTHER, recording_id), (ME, "rec_none")):
        with pytest.raises(NotFound):
            await own.change(either.account.id, where, note.id, lambda one: one, author=author)
        with pytest.raises(NotFound):
            await own.delete(either.account.id, where, note.id, author=author)
    assert await shown(either, recording_id) == [(0, WORDS)]


async def test_notes_are_bounded(either: House):
    """100 of each author, 1000 characters, within the recording; what is refused writes nothing."""
    recording_id = await available(either)
    for wrong, field in ((NoteContent(at=-0.1, text=None), "at"), (NoteContent(at=9e5, text=None), "at")):
        with pytest.raises(Invalid) as refused:
            await either.vault.playback.own_notes.add(either.account.id, recording_id, wrong, author=ME)
        assert refused.value.field == field
    with pytest.raises(Invalid) as refused:
        await add(either, recording_id, 0, "x" * 1001)
    assert refused.value.field == "text"
    made = await asyncio.gather(
        *(add(either, recording_id, 0, "x" * 1000) for _ in range(MAX_NOTES + 5)), return_exceptions=True
    )
    full = [one for one in made if isinstance(one, Refused)]
    assert [one.reasons for one in full] == [("too_many_notes",)] * 5
    assert await rows(either) == len(await events(either, recording_id)) == MAX_NOTES
    await add(either, recording_id, 0, author=OTHER)


async def test_one_of_two_changes_is_told_to_come_again(either: House):
    """A change that another one overtook does not undo it."""
    recording_id = await available(either)
    note = await add(either, recording_id, 0, WORDS)
    own = either.vault.playback.own_notes
    changes = [
        own.change(either.account.id, recording_id, note.id, lambda one, n=n: replace(one, text=n), author=ME)
        for n in ("first", "second")
    ]
    done = await asyncio.gather(*changes, return_exceptions=True)
    kept = [one.content.text for one in done if isinstance(one, Note)]
    assert len(kept) + sum(isinstance(one, Busy) for one in done) == len(changes)
    assert (await shown(either, recording_id))[0][1] in kept


async def test_a_restricted_recording_gets_no_notes_and_a_held_one_loses_none(either: House):
    """Under a hold a note can still be made."""
    recording_id = await available(either)
    note = await add(either, recording_id, 0, WORDS)
    own, account_id = either.vault.playback.own_notes, either.account.id
    await hold(either, recording_id)
    await add(either, recording_id, 0.1)
    with pytest.raises(Held):
        await own.change(account_id, recording_id, note.id, lambda one: replace(one, text=None), author=ME)
    with pytest.raises(Held):
        await own.delete(account_id, recording_id, note.id, author=ME)
    await either.vault.recordings.recordings.restrict(
        account_id, recording_id, restricted=True, reason=None, actor=ME
    )
    with pytest.raises(Refused) as refused:
        await add(either, recording_id, 0)
    assert refused.value.reasons == ("restricted",)
    assert await shown(either, recording_id) == [(0, WORDS), (0.1, None)]


async def test_notes_are_erased_with_their_recording(either: House):
    """Those of every author; those of another recording stay."""
    recording_id, other = (
        await available(either),
        (await either.announce("rec-2", call_ref="c2")).recording_id,
    )
    await either.settle(other)
    for where, author in ((recording_id, ME), (recording_id, OTHER), (other, ME)):
        await add(either, where, 0, WORDS, author=author)
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, actor=ME)
    assert await rows(either) == 1
    with pytest.raises(RecordingErased):
        await shown(either, recording_id)
    with pytest.raises(RecordingErased):
        await add(either, recording_id, 0)
    assert await shown(either, other) == [(0, WORDS)]


async def test_a_restore_that_knows_of_an_erasure_deletes_the_notes(either: House):
    """An old database has the notes of a recording that was erased since."""
    recording_id = await available(either)
    await add(either, recording_id, 0, WORDS)
    kept = await either.database.read(lambda tx: tx.recordings.get(either.account.id, recording_id))
    erased = replace(kept, state=State.ERASED)
    await either.database.write(lambda tx: restore_tombstone(tx, erased))
    assert await rows(either) == 0


async def test_a_rotation_keeps_notes(either: House):
    """The old version of the account's key is destroyed."""
    recording_id = await available(either)
    await add(either, recording_id, 0, WORDS)
    await rotate(either)
    await finish(either)
    assert await shown(either, recording_id) == [(0, WORDS)]
    await add(either, recording_id, 0.1)


async def connection(house: House, name: str) -> SignInConnection:
    """Make a sign-in connection."""
    change = ConnectionChange(settings=SETTINGS, keep_secret=False)
    return await house.vault.sign_in.connections.set(house.account.id, name, change, **PRIVACY)


async def person(house: House, made: SignInConnection, name: str) -> str:
    """Let somebody have signed in; return the id."""
    now, profile = (
        datetime.now(UTC),
        Profile(name=f"{name} Moreau", issuer="https://idp.example", subject=name),
    )
    row = PersonRow(
        id=f"per_{name}", account_id=house.account.id, connection_id=made.id,
        sealed_profile=await house.vault.sign_in.members.opened.seal_profile(house.account.id, profile),
        role_ids=(), first_at=now, last_at=now, removed_at=None,
    )  # fmt: skip
    await house.database.write(lambda tx: tx.people.put(row))
    return row.id


async def left(house: House, recording_id: str) -> list[tuple[str | None, str | None]]:
    """Return name and text of the notes of former listeners."""
    found = await house.vault.playback.former_notes.page(
        house.account.id, recording_id, after="", limit=50, **PRIVACY
    )
    return sorted((one.name, one.note.content.text) for one in found)


async def test_notes_of_who_left_are_shown_with_their_names(either: House):
    """Of a removed member, of a deleted connection, of a revoked key; none of who can still sign in."""
    house, account = either, either.account.id
    recording = await available(house)
    main, other = await connection(house, "main"), await connection(house, "other")
    key, _ = await house.vault.accounts.api_keys.issue(
        name="nightly", scopes=["links:write"], account_id=account, **PRIVACY
    )
    authors = [
        await person(house, main, "ada"),
        await person(house, main, "bob"),
        await person(house, other, "cy"),
    ]
    for author in (*authors, key.id):
        await add(house, recording, 0.1, f"of {author}"[:12], author=author)
    assert await left(house, recording) == []
    assert "note.read" not in [one.type for one in await events(house, recording)]
    await house.vault.sign_in.members.remove(account, "per_ada", **PRIVACY)
    await house.vault.sign_in.connections.delete(account, "other", **PRIVACY)
    await house.vault.accounts.api_keys.revoke(key.id, account_id=account, **PRIVACY)
    assert await left(house, recording) == [
        ("ada Moreau", "of per_ada"),
        ("cy Moreau", "of per_cy"),
        ("nightly", f"of {key.id}"[:12]),
    ]
    read = [one for one in await events(house, recording) if one.type == "note.read"]
    assert [one.actor for one in read] == ["key_privacy"]
    assert "Moreau" not in json.dumps([one.body.decode() for one in read])
    first = await house.vault.playback.former_notes.page(account, recording, after="", limit=2, **PRIVACY)
    rest = await house.vault.playback.former_notes.page(
        account, recording, after=first[-1].note.id, limit=2, **PRIVACY
    )
    assert [len(first), len(rest)] == [2, 1]
    await house.vault.sign_in.members.readmit(account, "per_ada", **PRIVACY)
    assert ("ada Moreau", "of per_ada") not in await left(house, recording)
