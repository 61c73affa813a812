"""The public keys of customers that sign links, also deleted ones, and the cuts."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.link_keys import link_cuts, link_keys
from vault.database.sql.dialect import insert_new
from vault.domain.playback.link_key import LinkCut, LinkKey
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
        """Add keys whose names are free; one that either side deleted stays so."""
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
        """Keep the cuts of both histories."""
        if value:
            insert_new(target.db, link_cuts, *[row_of(cut) for cut in value])
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
        known = (_K.id == key.id) & _K.deleted_at.is_(None)
        if db.execute(select(_K.id).where(_K.id == key.id)).first() is None:
            left_out.append(f"the link key {key.name}")
        elif key.deleted_at is not None:
            db.execute(update(link_keys).where(known).values(deleted_at=key.deleted_at))
        elif replaces:
            db.execute(update(link_keys).where(known).values(row_of_link_key(key)))
    return left_out
