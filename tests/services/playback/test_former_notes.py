"""Notes of listeners who cannot sign in any more: with their names, for who is in charge of privacy; logged."""

import json
from datetime import UTC, datetime

from tests.services.playback.test_own_notes import add, available, events
from tests.support.provider_settings import provider_settings
from tests.support.service_house import House
from vault.domain.sign_in.connection import (
    PersonRow,
    Profile,
    RoleMapping,
    SignInConnection,
)
from vault.services.sign_in.sign_in_connections import ConnectionChange

ME = {"actor": "key_privacy"}
SETTINGS = provider_settings(RoleMapping(value="staff", role="listener"))


async def connection(house: House, name: str) -> SignInConnection:
    """Make a sign-in connection."""
    change = ConnectionChange(settings=SETTINGS, keep_secret=False)
    return await house.vault.sign_in.connections.set(house.account.id, name, change, **ME)


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
        house.account.id, recording_id, after="", limit=50, **ME
    )
    return sorted((one.name, one.note.content.text) for one in found)


async def test_notes_of_who_left_are_shown_with_their_names(either: House):
    """Of a removed member, of a deleted connection, of a revoked key; none of who can still sign in."""
    house, account = either, either.account.id
    recording = await available(house)
    main, other = await connection(house, "main"), await connection(house, "other")
    key, _ = await house.vault.accounts.api_keys.issue(
        name="nightly", scopes=["links:write"], account_id=account, **ME
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
    await house.vault.sign_in.members.remove(account, "per_ada", **ME)
    await house.vault.sign_in.connections.delete(account, "other", **ME)
    await house.vault.accounts.api_keys.revoke(key.id, account_id=account, **ME)
    assert await left(house, recording) == [
        ("ada Moreau", "of per_ada"),
        ("cy Moreau", "of per_cy"),
        ("nightly", f"of {key.id}"[:12]),
    ]
    read = [one for one in await events(house, recording) if one.type == "note.read"]
    assert [one.actor for one in read] == ["key_privacy"]
    assert "Moreau" not in json.dumps([one.body.decode() for one in read])
    first = await house.vault.playback.former_notes.page(account, recording, after="", limit=2, **ME)
    rest = await house.vault.playback.former_notes.page(
        account, recording, after=first[-1].note.id, limit=2, **ME
    )
    assert [len(first), len(rest)] == [2, 1]
    await house.vault.sign_in.members.readmit(account, "per_ada", **ME)
    assert ("ada Moreau", "of per_ada") not in await left(house, recording)
