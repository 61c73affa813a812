"""Provisioning: a directory of a company tells an account who its people are, by SCIM, and who has left."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from vault.domain.accounts.roles import Role
from vault.domain.field_types import FromOne

#: What says which roles a person has: the claim at the sign-in, or the groups that the directory tells.
RolesFrom = Literal["claim", "group_names", "group_external_ids"]
#: Roles that a group of a directory can give. None of the others does: they place and release holds, or make keys,
#: and come with the claim of a sign-in or with an invitation.
GROUP_ROLES: Final[frozenset[Role]] = frozenset({"listener", "supervisor", "auditor"})
#: Tokens of an account that are good at the same time: the next one is entered at the provider before the last ends.
MAX_TOKENS: Final = 2
#: Users, groups, and people of one group. All are in the account's object, which is written as a whole.
MAX_USERS: Final = 2000
MAX_GROUPS: Final = 200
MAX_MEMBERS: Final = 2000
#: Memberships of all groups together.
MAX_MEMBERSHIPS: Final = 20_000
#: How exactly it is noted when a token was last used.
USE_NOTED_EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """The setting of an account."""

    account_id: str
    #: The sign-in connection whose people the directory tells. Nobody else signs in by it.
    connection_id: str
    roles_from: RolesFrom
    #: Whether links that a person made end with the person.
    revokes_links: bool
    revision: FromOne
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningToken:
    """A token without its secret."""

    id: str
    account_id: str
    created_at: datetime
    created_by: str
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedUser:
    """A person, as the directory tells."""

    id: str
    account_id: str
    revision: FromOne
    #: Keyed hashes of ``userName`` in lower case and of ``externalId``. None without it, and of one of whom only the
    #: end is known.
    name_hash: bytes | None
    external_hash: bytes | None
    #: The human as sign-ins know them (vault/domain/sign_in/identity.py), made of ``externalId``.
    identity: str | None
    is_active: bool
    #: The other attributes. None of one of whom only the end is known, whom the directory does not see.
    sealed_resource: str | None = field(repr=False)
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedGroup:
    """A group, as the directory tells."""

    id: str
    account_id: str
    revision: FromOne
    name_hash: bytes
    external_hash: bytes | None
    sealed_resource: str = field(repr=False)
    created_at: datetime
    changed_at: datetime
    #: Ids of users, sorted.
    members: tuple[str, ...] = ()

    def value_hash(self, roles_from: RolesFrom) -> bytes | None:
        """Return the hash that is compared with the values of the connection's mappings."""
        return self.external_hash if roles_from == "group_external_ids" else self.name_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFilter:
    """A filter on users or groups. None means any."""

    id: str | None = None
    name_hash: bytes | None = None
    external_hash: bytes | None = None
    is_active: bool | None = None
    #: Two conditions contradict each other.
    is_empty: bool = False


ANY: Final = ResourceFilter()


def encode_resource(resource: Mapping[str, Any]) -> str:
    """Encode the attributes of a resource, to be sealed."""
    return json.dumps(resource, separators=(",", ":"))


def decode_resource(text: str) -> dict[str, Any]:
    """Decode attributes that the vault sealed."""
    values: dict[str, Any] = json.loads(text)
    return values


def ids_of(members: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the ids of a group's members, sorted."""
    return tuple(sorted({str(one.get("value", "")) for one in members}))
