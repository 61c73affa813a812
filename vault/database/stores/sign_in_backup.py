"""Rows of sign-in connections and their roles, as the account's object has them."""

from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, insert, select

from vault.database.schema.sign_in import sign_in_connections, sign_in_roles
from vault.database.sql.dialect import insert_new
from vault.domain.accounts.roles import Role, RoleGrant
from vault.domain.sign_in.connection import SealedConnection
from vault.domain.stored.sign_in_json import StoredSignIn

_C, _R = sign_in_connections.c, sign_in_roles.c


def stored_sign_in(db: DbConnection, account_id: str) -> tuple[StoredSignIn, ...]:
    """Return the connections of an account with their roles, for its object."""
    found: dict[str, list[tuple[str, RoleGrant]]] = {}
    roles = select(sign_in_roles).where(_R.account_id == account_id).order_by(_R.id)
    for row in db.execute(roles):
        given = RoleGrant(role=cast("Role", row.role), agents=tuple(row.agents or ()))
        found.setdefault(row.connection_id, []).append((row.id, given))
    rows = db.execute(select(sign_in_connections).where(_C.account_id == account_id).order_by(_C.id))
    return tuple(
        StoredSignIn(
            connection=SealedConnection(**{name: getattr(row, name) for name in SealedConnection.__slots__}),
            roles=tuple(found.get(row.id, ())),
        )
        for row in rows
    )


def restore_sign_in(
    db: DbConnection,
    account_id: str,
    stored: Sequence[StoredSignIn],
    *,
    replaces: bool,
    but: Collection[str] = (),
) -> list[str]:
    """Bring in the connections of an account's object, except the ids in ``but``.

    With ``replaces`` the object's state is later than that of the rows: a connection of a later revision replaces the
    row with its roles, and one that the object lacks is deleted. Else only connections that are missing are added.
    What the log says was taken away is taken away afterwards. Returns messages about connections that are left out.
    """
    left_out = []
    if replaces:
        kept = [one.connection.id for one in stored]
        gone = select(_C.id).where(_C.account_id == account_id, _C.id.not_in(kept))
        for connection_id in db.execute(gone).scalars().all():
            _delete(db, connection_id)
    for one in stored:
        connection = one.connection
        known = db.execute(select(_C.revision).where(_C.id == connection.id)).scalar()
        if connection.id in but or (known is not None and not (replaces and connection.revision > known)):
            continue
        _delete(db, connection.id)
        row = {name: getattr(connection, name) for name in SealedConnection.__slots__}
        if not insert_new(db, sign_in_connections, row):
            left_out.append(f"the sign-in connection {connection.name}")
            continue
        for mapping, given in one.roles:
            values = {
                "id": mapping,
                "connection_id": connection.id,
                "account_id": account_id,
                "role": given.role,
            }
            db.execute(insert(sign_in_roles).values(values | {"agents": list(given.agents) or None}))
    return left_out


def _delete(db: DbConnection, connection_id: str) -> None:
    db.execute(delete(sign_in_roles).where(_R.connection_id == connection_id))
    db.execute(delete(sign_in_connections).where(_C.id == connection_id))
