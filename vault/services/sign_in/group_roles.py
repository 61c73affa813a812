"""Roles that the groups of a directory give, by the mappings of the connection: a group stands for a value."""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vault.database.transaction import Transaction
from vault.domain.folded_text import folded
from vault.domain.sign_in.connection import PersonRow, SignInConnection
from vault.domain.sign_in.provisioning import GROUP_ROLES, Provisioning
from vault.services.shared.people_keys import PeopleKeys
from vault.services.shared.revoke_links import apply_roles
from vault.services.sign_in.opened_connections import OpenedConnections

#: The ids of the mappings that a group gives, by the keyed hash of its name or of its id at the provider.
GroupRoles = Mapping[bytes, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningHashes:
    """Keyed hashes by which users and groups are found; their names are not stored in clear."""

    data_keys: PeopleKeys
    opened: OpenedConnections

    async def of_name(self, account_id: str, kind: Literal["User", "Group"], name: str) -> bytes:
        """Return the hash of a name, the same for capitals and small letters. Raises NotFound."""
        return _hash(await self.data_keys.index_key(account_id), f"{kind} name", folded(name))

    async def of_external_id(self, account_id: str, kind: Literal["User", "Group"], name: str) -> bytes:
        """Return the hash of an id at the provider. Raises NotFound."""
        return _hash(await self.data_keys.index_key(account_id), f"{kind} external id", name)

    async def group_roles(self, setting: Provisioning, connection: SignInConnection) -> GroupRoles:
        """Return what groups give by the connection's mappings; nothing if the claim does.

        A mapping that is taken away meanwhile gives nothing, as for people who signed in.
        """
        found = defaultdict[bytes, list[str]](list)
        if setting.roles_from == "claim":
            return found
        by = self.of_external_id if setting.roles_from == "group_external_ids" else self.of_name
        for one in connection.settings.roles:
            if one.role in GROUP_ROLES:
                found[await by(setting.account_id, "Group", one.value)].append(one.id)
        return found


def with_group_roles(
    tx: Transaction, person: PersonRow, setting: Provisioning | None, roles: GroupRoles
) -> PersonRow:
    """Return a person who signs in, with what the groups give in place of the claim.

    Roles that no group gives stay as the claim said at the last sign-in.
    """
    if setting is None or setting.connection_id != person.connection_id or setting.roles_from == "claim":
        return person
    given = _given(tx, setting, roles, [person.identity or ""])
    return replace(person, role_ids=(*_of_the_claim(tx, person), *given.get(person.identity or "", ())))


def apply_groups(
    tx: Transaction, setting: Provisioning, roles: GroupRoles, identities: Collection[str], *, actor: str
) -> None:
    """Give people what their groups give now; what is gone ends now. The caller holds the account's exclusive lock.

    What it costs grows with those whose roles change, not with those who are named.
    """
    if setting.roles_from == "claim":
        return
    account_id, given = setting.account_id, _given(tx, setting, roles, identities)
    for person in tx.people.of_identities(account_id, setting.connection_id, identities):
        now = (*_of_the_claim(tx, person), *given.get(person.identity or "", ()))
        if set(now) != set(person.role_ids):
            tx.people.give(person, now)
            apply_roles(tx, account_id, person.id, at=tx.now(), actor=actor)


def drop_group_roles(tx: Transaction, setting: Provisioning) -> None:
    """Take from all people of the connection what groups gave; ``apply_roles`` makes it true in open sessions."""
    for person in tx.people.of_connection(setting.account_id, setting.connection_id):
        kept = _of_the_claim(tx, person)
        if kept != list(person.role_ids):
            tx.people.give(person, kept)


def _of_the_claim(tx: Transaction, person: PersonRow) -> list[str]:
    """Return the mappings of roles that no group gives."""
    if not person.role_ids:
        return []
    given = tx.sign_in.roles(person.account_id)
    return [one for one in person.role_ids if one in given and given[one].role not in GROUP_ROLES]


def _given(
    tx: Transaction, setting: Provisioning, roles: GroupRoles, identities: Collection[str]
) -> Mapping[str, Collection[str]]:
    """Return the mappings that the groups of active people give, by the person, each once."""
    found = defaultdict[str, dict[str, None]](dict)
    for identity, value in tx.provisioned_groups.values_of(
        setting.account_id, identities, setting.roles_from
    ):
        found[identity] |= dict.fromkeys(roles.get(value, ()))
    return found


def _hash(key: bytes, what: str, text: str) -> bytes:
    return hmac.digest(key, json.dumps(["scim", what, text]).encode(), hashlib.sha256)
