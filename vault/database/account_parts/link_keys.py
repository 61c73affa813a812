"""The public keys of customers that sign links, also deleted ones, and the cuts."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.core import links
from vault.database.schema.playback import link_cuts, link_keys
from vault.database.sql.dialect import insert_new
from vault.domain.playback.link_key import LinkCut, LinkKey, narrower
from vault.domain.playback.signed_token import link_id_of
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields

_K = link_keys.c


class _LinkKeys(ListPart[LinkKey]):
    def read(self, source: Source) -> tuple[LinkKey, ...]:
        return tuple(link_key_of(row) for row in source.rows(link_keys, "id"))

    def encode_one(self, item: LinkKey) -> dict[str, Any]:
        return encode_fields(item, without={"account_id"})

    def decode_one(self, fields: Fields, account_id: str) -> LinkKey:
        return decode_fields(LinkKey, fields, account_id=account_id)

    def replace(self, value: tuple[LinkKey, ...], target: Target) -> list[str]:
        """Add keys, and take what the object says that they may sign; one that either side deleted stays so."""
        return _bring_in(value, target, replaces=True)

    def add_lost(self, value: tuple[LinkKey, ...], target: Target) -> list[str]:
        """Add keys whose names are free; one that either side deleted stays so, and the narrower limits count."""
        return _bring_in(value, target, replaces=False)


class _LinkCuts(ListPart[LinkCut]):
    def read(self, source: Source) -> tuple[LinkCut, ...]:
        return source.all_of(LinkCut, link_cuts)

    def encode_one(self, item: LinkCut) -> dict[str, Any]:
        return encode_fields(item, without={"account_id"})

    def decode_one(self, fields: Fields, account_id: str) -> LinkCut:
        return decode_fields(LinkCut, fields, account_id=account_id)

    def replace(self, value: tuple[LinkCut, ...], target: Target) -> list[str]:
        """Add cuts, as below: what either side has cut stays cut."""
        return self.add_lost(value, target)

    def add_lost(self, value: tuple[LinkCut, ...], target: Target) -> list[str]:
        """Keep the cuts of both histories; a link that a lost one covers is revoked."""
        for cut in value:
            if insert_new(target.db, link_cuts, row_of(cut)):
                revoke_covered(target.db, cut)
        return []


LINK_KEYS = _LinkKeys(name="link_keys", words="keys that sign links")
LINK_CUTS = _LinkCuts(name="link_cuts", words="cuts of links")


def row_of_link_key(key: LinkKey) -> dict[str, Any]:
    """Return the columns of a key."""
    return row_of(key, kinds=list(key.kinds), networks=list(key.networks))


def link_key_of(row: Mapping[Any, Any]) -> LinkKey:
    """Convert the columns of a row, by name, to a key."""
    return of_row(LinkKey, row, kinds=tuple(row["kinds"]), networks=tuple(row["networks"]))


def _bring_in(keys: tuple[LinkKey, ...], target: Target, *, replaces: bool) -> list[str]:
    db, left_out = target.db, []
    for key in keys:
        if insert_new(db, link_keys, row_of_link_key(key)):
            continue
        mine = (_K.id == key.id) & _K.deleted_at.is_(None)
        own = db.execute(select(link_keys).where(_K.id == key.id)).mappings().first()
        if own is None:
            left_out.append(f"the link key {key.name}")
        elif key.deleted_at is not None:
            db.execute(update(link_keys).where(mine).values(deleted_at=key.deleted_at))
            revoke_signed(db, key.account_id, {key.id}, key.deleted_at)
        else:
            limits = key if replaces else narrower(link_key_of(own), key)
            db.execute(update(link_keys).where(mine).values(row_of_link_key(limits)))
    return left_out


def revoke_covered(db: Connection, cut: LinkCut, *, but_for_restricted: bool = False) -> None:
    """Revoke the links that a cut covers; ``but_for_restricted``: not those that play a restricted recording."""
    covered = _covered(db, cut) & (links.c.created_at < cut.minted_before)
    if but_for_restricted:
        covered &= links.c.plays_restricted.is_not(True)
    _revoke(db, cut.account_id, covered, cut.created_at)


def revoke_signed(db: Connection, account_id: str, key_ids: Collection[str], at: datetime) -> None:
    """Revoke what keys have signed: open sessions end at their next window."""
    _revoke(db, account_id, links.c.created_by.in_(key_ids), at)


def _covered(db: Connection, cut: LinkCut) -> ColumnElement[bool]:
    if cut.target == "key":
        return links.c.created_by == cut.value
    if cut.target == "recording":
        return links.c.recording_id == cut.value
    if cut.target == "listener":
        return links.c.listener_term == bytes.fromhex(cut.value)
    if cut.target == "jti":
        keys = db.execute(select(_K.id).where(_K.account_id == cut.account_id)).scalars()
        return links.c.id.in_([link_id_of(key_id, cut.value) for key_id in keys])
    return links.c.account_id == cut.account_id


def _revoke(db: Connection, account_id: str, covered: ColumnElement[bool], at: datetime) -> None:
    live = (links.c.account_id == account_id) & covered & links.c.revoked_at.is_(None)
    db.execute(update(links).where(live).values(revoked_at=at))
