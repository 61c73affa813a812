"""What is closed of links: links, the keys that sign them, and what was minted before a time."""

from dataclasses import replace
from datetime import timedelta

from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.parties import ME, let_in
from tests.support.service_house import House
from vault.services.playback.link_cuts import CutRequest
from vault.services.playback.link_request import LinkRequest

_LINK = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=5)


async def link(house: House, name: str) -> tuple[str, str]:
    """Make a link."""
    recording_id = await let_in(house, name, call_ref=f"call-{name}")
    link, _ = await house.vault.playback.links.create(house.account.id, recording_id, _LINK, **ME)
    return recording_id, link.id


async def link_key(house: House, name: str) -> tuple[str, Minter]:
    """Register a key."""
    minter = Minter()
    return name, await registered(house, minter, name)


async def delete_link_key(house: House, known: tuple[str, Minter]) -> None:
    """Delete it."""
    await house.vault.playback.link_keys.delete(house.account.id, known[0], **ME)


async def link_key_gone(house: House, known: tuple[str, Minter]) -> bool:
    """Say whether it is deleted."""
    key = await house.database.read(lambda tx: tx.link_keys.by_id(known[1].key_id))
    return key is not None and key.deleted_at is not None


async def heard(house: House, name: str) -> tuple[str, str]:
    """Make a link for a listener, and return who that is and the recording."""
    recording_id = await let_in(house, name, call_ref=f"call-{name}")
    await house.vault.playback.links.create(
        house.account.id, recording_id, replace(_LINK, listener=name), **ME
    )
    return name, recording_id


async def cut_listener(house: House, known: tuple[str, str]) -> None:
    """Cut the links of a listener."""
    await house.vault.playback.link_cuts.make(house.account.id, CutRequest(listener=known[0]), **ME)


async def cut_recording(house: House, known: tuple[str, str]) -> None:
    """Cut the links of a recording."""
    await house.vault.playback.link_cuts.make(house.account.id, CutRequest(recording=known[1]), **ME)


async def is_cut(house: House, known: tuple[str, str]) -> bool:
    """Say whether a cut is listed, and every link that it covers is dead; from the bucket alone there is none."""
    views = await house.vault.playback.link_cuts.list(house.account.id)
    found = await house.database.read(lambda tx: tx.links.of_recording(house.account.id, known[1]))
    is_listed = any(view.listener == known[0] or view.cut.value == known[1] for view in views)
    return is_listed and all(link.revoked_at is not None for link in found)


async def links(house: House, name: str) -> tuple[str, str]:
    """Make two links of one recording."""
    recording_id, _ = await link(house, name)
    second, _ = await house.vault.playback.links.create(house.account.id, recording_id, _LINK, **ME)
    return recording_id, second.id


async def revoke_link(house: House, ids: tuple[str, str]) -> None:
    """Revoke a link."""
    await house.vault.playback.links.revoke(house.account.id, *ids, **ME)


async def revoke_links(house: House, ids: tuple[str, str]) -> None:
    """Revoke the links of a recording."""
    await house.vault.playback.links.revoke_all(house.account.id, recording_id=ids[0], listener=None, **ME)


async def links_revoked(house: House, ids: tuple[str, str]) -> bool:
    """Say whether all are revoked."""
    found = await house.database.read(lambda tx: tx.links.of_recording(house.account.id, ids[0]))
    return bool(found) and all(link.revoked_at is not None for link in found)
