"""JSON of sign-in connections, with the roles that they give, in the account's object."""

from dataclasses import dataclass
from typing import Any

from vault.domain.accounts.roles import RoleGrant
from vault.domain.sign_in.connection import SealedConnection
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignIn:
    """A sign-in connection, its settings sealed as in the row, and what its mappings give, by their ids."""

    connection: SealedConnection
    roles: tuple[tuple[str, RoleGrant], ...]


def encode_sign_in_fields(one: StoredSignIn) -> dict[str, Any]:
    """Return a connection as a JSON object."""
    roles = [{"id": mapping, **encode_fields(given)} for mapping, given in one.roles]
    return encode_fields(one.connection, without={"account_id"}) | {"roles": roles}


def decode_sign_in_fields(fields: Fields, account_id: str) -> StoredSignIn:
    """Decode a connection. Raises Tampered."""
    roles = tuple((item.text("id"), decode_fields(RoleGrant, item)) for item in fields.items("roles"))
    return StoredSignIn(
        connection=decode_fields(SealedConnection, fields, account_id=account_id), roles=roles
    )
