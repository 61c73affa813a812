"""JSON of sign-in connections, with the roles that they give, in the account's object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vault.domain.accounts.roles import ROLES, RoleGrant
from vault.domain.sign_in.connection import SealedConnection
from vault.domain.stored.json_reader import Fields

#: An account's id is left out: the enclosing object has it.
_CONNECTION = tuple(name for name in SealedConnection.__slots__ if name != "account_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignIn:
    """A sign-in connection, its settings sealed as in the row, and what its mappings give, by their ids."""

    connection: SealedConnection
    roles: tuple[tuple[str, RoleGrant], ...]


def encode_sign_in(stored: Sequence[StoredSignIn]) -> dict[str, Any]:
    """Return the field of the account's object; none without connections, as in earlier releases."""
    items = [
        {
            **{name: getattr(one.connection, name) for name in _CONNECTION},
            "roles": [
                {"id": mapping, "role": given.role, "agents": list(given.agents)}
                for mapping, given in one.roles
            ],
        }
        for one in stored
    ]
    return {"sign_in": items} if items else {}


def decode_sign_in(fields: Fields, account_id: str) -> tuple[StoredSignIn, ...]:
    """Decode the field of the account's object. Raises Tampered."""
    items = fields.items("sign_in") if fields.has("sign_in") else []
    return tuple(_decode_one_fields(item, account_id) for item in items)


def _decode_one_fields(fields: Fields, account_id: str) -> StoredSignIn:
    stored = StoredSignIn(
        connection=SealedConnection(
            id=fields.text("id"),
            account_id=account_id,
            name=fields.text("name"),
            revision=fields.integer("revision", least=1),
            sealed_settings=fields.text("sealed_settings"),
            changed_at=fields.moment("changed_at"),
            changed_by=fields.text("changed_by"),
        ),
        roles=tuple(_decode_role_fields(item) for item in fields.items("roles")),
    )
    fields.done()
    return stored


def _decode_role_fields(fields: Fields) -> tuple[str, RoleGrant]:
    mapping = fields.text("id")
    given = RoleGrant(role=fields.one_of("role", ROLES), agents=fields.texts("agents"))
    fields.done()
    return mapping, given
