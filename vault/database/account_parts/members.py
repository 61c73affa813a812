"""The invited people, with their roles and passkeys; names and e-mail addresses are sealed.

Their invitations are only in the database, as links are: access to the bucket must not give access to the vault.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, insert, select, update

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.sign_in import member_invitations, passkeys, people, sign_in_roles
from vault.database.sql.dialect import insert_new
from vault.domain.accounts.makers import add_makers
from vault.domain.accounts.roles import RoleGrant
from vault.domain.sign_in.passkey import Passkey
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields

_P, _K, _R, _I = people.c, passkeys.c, sign_in_roles.c, member_invitations.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMember:
    """An invited person, as in the row, but for the last sign-in, which changes too often."""

    id: str
    revision: int
    sealed_profile: str = field(repr=False)
    sealed_terms: str | None = field(repr=False)
    user_handle: bytes
    invited_at: datetime
    removed_at: datetime | None
    identity: str
    makers: tuple[str, ...]
    roles: tuple[tuple[str, RoleGrant], ...]
    passkeys: tuple[Passkey, ...]


class _Members(ListPart[StoredMember]):
    def read(self, source: Source) -> tuple[StoredMember, ...]:
        roles, keys = defaultdict[str, list[Any]](list), defaultdict[str, list[Passkey]](list)
        for row in source.rows(sign_in_roles, "id"):
            given = RoleGrant(role=row["role"], agents=tuple(row["agents"] or ()))
            roles[row["connection_id"]].append((row["id"], given))
        for row in source.rows(passkeys, "id"):
            # Where they were last used is not in the object.
            keys[row["person_id"]].append(
                of_row(Passkey, row, sign_count=0, last_used_at=None, is_backed_up=False)
            )
        mine = select(people).where(_P.account_id == source.account_id, _P.user_handle.is_not(None))
        return tuple(
            of_row(StoredMember, row, roles=tuple(roles[row["id"]]), passkeys=tuple(keys[row["id"]]))
            for row in source.db.execute(mine.order_by(_P.id)).mappings()
        )

    def encode_one(self, item: StoredMember) -> dict[str, Any]:
        roles = [{"id": role_id, **encode_fields(given)} for role_id, given in item.roles]
        keys = [
            encode_fields(
                one, without={"account_id", "person_id", "sign_count", "last_used_at", "is_backed_up"}
            )
            for one in item.passkeys
        ]
        return encode_fields(item, without={"roles", "passkeys"}) | {"roles": roles, "passkeys": keys}

    def decode_one(self, fields: Fields, account_id: str) -> StoredMember:
        roles = tuple((item.text("id"), decode_fields(RoleGrant, item)) for item in fields.items("roles"))
        person_id = fields.text("id")
        keys = tuple(
            decode_fields(
                Passkey, item, account_id=account_id, person_id=person_id, sign_count=0, last_used_at=None,
                is_backed_up=False,
            )
            for item in fields.items("passkeys")
        )  # fmt: skip
        return decode_fields(StoredMember, fields, id=person_id, roles=roles, passkeys=keys)

    def replace(self, value: tuple[StoredMember, ...], target: Target) -> list[str]:
        """Let a later revision replace a person with roles and passkeys, and close those whom the object lacks.

        What the log says was taken away is taken away afterwards.
        """
        db, names = target.db, [one.id for one in value]
        gone = select(_P.id).where(
            _P.account_id == target.account_id, _P.user_handle.is_not(None), _P.id.not_in(names)
        )
        for person_id in db.execute(gone).scalars().all():
            forget_invited(db, target.account_id, person_id, None)
        own = _revisions(db, names)
        for one in value:
            makers = _shared_makers(db, one)
            if one.revision > own.get(one.id, 0):
                _put(db, target.account_id, one, makers)
            elif one.removed_at is not None:
                db.execute(
                    update(people)
                    .where(_P.id == one.id, _P.removed_at.is_(None))
                    .values(removed_at=one.removed_at)
                )
        return []

    def add_lost(self, value: tuple[StoredMember, ...], target: Target) -> list[str]:
        """Add people of the lost history; of those who are there the account's own roles and passkeys stay."""
        own = _revisions(target.db, [one.id for one in value])
        for one in value:
            makers = _shared_makers(target.db, one)
            if one.id not in own:
                _put(target.db, target.account_id, one, makers)
        return []


MEMBERS = _Members(name="members", words="invited people")


def passkey_row(passkey: Passkey) -> dict[str, Any]:
    """Return the columns of a passkey."""
    return row_of(passkey, credential_hash=hashlib.sha256(passkey.credential_id).digest())


def forget_invited(db: DbConnection, account_id: str, person_id: str, at: datetime | None) -> None:
    """Delete roles and passkeys of a person, and end the addresses for others; without ``at``, delete these."""
    db.execute(delete(sign_in_roles).where(_R.connection_id == person_id, _R.account_id == account_id))
    db.execute(delete(passkeys).where(_K.person_id == person_id, _K.account_id == account_id))
    mine = (_I.person_id == person_id) & (_I.account_id == account_id)
    if at is None:
        db.execute(delete(member_invitations).where(mine))
    else:
        db.execute(update(member_invitations).where(mine, _I.ended_at.is_(None)).values(ended_at=at))


def _revisions(db: DbConnection, ids: Collection[str]) -> dict[str, int]:
    """Return the revisions of those of the people that exist; 0 for one of whom only the removal is known."""
    rows = db.execute(select(_P.id, _P.revision).where(_P.id.in_(ids)))
    return {row.id: row.revision or 0 for row in rows}


def _shared_makers(db: DbConnection, one: StoredMember) -> tuple[str, ...]:
    """Return everybody who made a person in either history; so are the row's then."""
    own = db.execute(select(_P.makers).where(_P.id == one.id)).scalar()
    makers = add_makers(own or (), *one.makers)
    db.execute(update(people).where(_P.id == one.id).values(makers=makers))
    return makers


def _put(db: DbConnection, account_id: str, one: StoredMember, makers: tuple[str, ...]) -> None:
    """Write a person. Who is removed on either side stays so, without roles and passkeys."""
    row = row_of(one, makers=makers, role_ids=[role_id for role_id, _ in one.roles], account_id=account_id)
    row = {name: value for name, value in row.items() if name not in {"roles", "passkeys"}}
    if not insert_new(db, people, row | {"first_at": one.invited_at, "last_at": one.invited_at}):
        removed = db.execute(select(_P.removed_at).where(_P.id == one.id)).scalar()
        row["removed_at"] = removed or one.removed_at
        db.execute(update(people).where(_P.id == one.id).values(row))
    db.execute(delete(sign_in_roles).where(_R.connection_id == one.id))
    db.execute(delete(passkeys).where(_K.person_id == one.id))
    if row["removed_at"] is not None:
        db.execute(update(people).where(_P.id == one.id).values(role_ids=[]))
        return
    for role_id, given in one.roles:
        values = row_of(given, agents=list(given.agents) or None)
        db.execute(
            insert(sign_in_roles).values(
                values | {"id": role_id, "connection_id": one.id, "account_id": account_id}
            )
        )
    for passkey in one.passkeys:
        insert_new(db, passkeys, passkey_row(passkey))
