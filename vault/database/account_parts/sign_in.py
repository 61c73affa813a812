"""The sign-in connections with the roles that they give; their settings are sealed."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, insert, select

from vault.database.account_parts.part import ListPart, Source, Target, row_of
from vault.database.schema.sign_in import sign_in_connections, sign_in_roles
from vault.database.sql.dialect import insert_new
from vault.domain.accounts.roles import RoleGrant
from vault.domain.sign_in.connection import SealedConnection
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields

_C, _R = sign_in_connections.c, sign_in_roles.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignIn:
    """A sign-in connection, and what its mappings give, by their ids."""

    connection: SealedConnection
    roles: tuple[tuple[str, RoleGrant], ...]


class _SignIn(ListPart[StoredSignIn]):
    def read(self, source: Source) -> tuple[StoredSignIn, ...]:
        roles = defaultdict[str, list[tuple[str, RoleGrant]]](list)
        for row in source.rows(sign_in_roles, "id"):
            given = RoleGrant(role=row["role"], agents=tuple(row["agents"] or ()))
            roles[row["connection_id"]].append((row["id"], given))
        return tuple(
            StoredSignIn(connection=connection, roles=tuple(roles[connection.id]))
            for connection in source.all_of(SealedConnection, sign_in_connections)
        )

    def encode_one(self, item: StoredSignIn) -> dict[str, Any]:
        roles = [{"id": mapping, **encode_fields(given)} for mapping, given in item.roles]
        return encode_fields(item.connection, without={"account_id"}) | {"roles": roles}

    def decode_one(self, fields: Fields, account_id: str) -> StoredSignIn:
        roles = tuple((item.text("id"), decode_fields(RoleGrant, item)) for item in fields.items("roles"))
        connection = decode_fields(SealedConnection, fields, account_id=account_id)
        return StoredSignIn(connection=connection, roles=roles)

    def replace(self, value: tuple[StoredSignIn, ...], target: Target) -> list[str]:
        """Let a later revision replace a connection with its roles, and delete what the object lacks.

        What the log says was taken away is taken away afterwards.
        """
        db, value = target.db, _with_makers(value, target)
        names = [one.connection.id for one in value]
        gone = select(_C.id).where(_C.account_id == target.account_id, _C.id.not_in(names))
        for connection_id in db.execute(gone).scalars().all():
            _delete(db, connection_id)
        own = _revisions(db, names)
        later = [one for one in value if one.connection.revision > own.get(one.connection.id, 0)]
        return _put(db, later)

    def add_lost(self, value: tuple[StoredSignIn, ...], target: Target) -> list[str]:
        """Add missing connections, but for those that were deleted, or whose name another one has."""
        value = _with_makers(value, target)
        own = _revisions(target.db, [one.connection.id for one in value])
        lost = [one for one in value if one.connection.id not in {*own, *target.deleted}]
        return _put(target.db, lost)


SIGN_IN = _SignIn(name="sign_in", words="sign-in connections")


def _with_makers(value: tuple[StoredSignIn, ...], target: Target) -> tuple[StoredSignIn, ...]:
    """Return connections with everybody who ever gave a role by them, in either history."""
    shared = target.share_makers(sign_in_connections, [one.connection for one in value])
    return tuple(replace(one, connection=made) for one, made in zip(value, shared, strict=True))


def _revisions(db: DbConnection, connection_ids: Collection[str]) -> dict[str, int]:
    """Return the revisions of those of the connections that exist."""
    rows = db.execute(select(_C.id, _C.revision).where(_C.id.in_(connection_ids)))
    return {row.id: row.revision for row in rows}


def _put(db: DbConnection, stored: Collection[StoredSignIn]) -> list[str]:
    """Write connections with their roles; return messages about those whose name another one has."""
    left_out = []
    for one in stored:
        connection = one.connection
        _delete(db, connection.id)
        if not insert_new(db, sign_in_connections, row_of(connection)):
            left_out.append(f"the sign-in connection {connection.name}")
            continue
        for mapping, given in one.roles:
            row = row_of(given, agents=list(given.agents) or None)
            row |= {"id": mapping, "connection_id": connection.id, "account_id": connection.account_id}
            db.execute(insert(sign_in_roles).values(row))
    return left_out


def _delete(db: DbConnection, connection_id: str) -> None:
    db.execute(delete(sign_in_roles).where(_R.connection_id == connection_id))
    db.execute(delete(sign_in_connections).where(_C.id == connection_id))
