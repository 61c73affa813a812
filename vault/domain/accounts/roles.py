"""Roles: bundles of scopes, which a sign-in connection gives to people."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from vault.domain.accounts.account import Scope

#: Roles in an account.
AccountRole = Literal["listener", "supervisor", "privacy", "auditor", "admin"]
ACCOUNT_ROLES: Final[tuple[AccountRole, ...]] = get_args(AccountRole)
#: Operators have every account; only the operator gives this role, on the machine of the vault.
Role = Literal["listener", "supervisor", "privacy", "auditor", "admin", "operator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

SCOPES_OF_ROLE: Final[Mapping[Role, frozenset[Scope]]] = {
    # Listening at the console opens a link of one's own.
    "listener": frozenset({"recordings:read", "links:write"}),
    "supervisor": frozenset({"recordings:read", "links:write", "audit:read"}),
    "privacy": frozenset(
        {
            "recordings:read", "links:write", "audit:read", "privacy:write", "retention:write", "holds:write",
            "approvals:write", "quarantine:listen",
        }
    ),
    "auditor": frozenset({"audit:read"}),
    "admin": frozenset(
        {
            "ingest", "recordings:pause", "recordings:read", "links:write", "settings:write", "privacy:write",
            "audit:read", "keys:write", "retention:write", "holds:write", "approvals:write", "quarantine:listen",
        }
    ),
    "operator": frozenset({"*"}),
}  # fmt: skip


#: Roles that can be limited to the recordings of some agents: what they may do concerns single recordings.
LIMITED_ROLES: Final[frozenset[Role]] = frozenset({"listener", "supervisor"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Scopes that a person has only for recordings of these agents."""

    scopes: frozenset[str]
    #: Keyed hashes of the agents' names in hexadecimal, as the search index has them.
    agents: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGrant:
    """A role that one mapping gives, for the whole account or, with ``agents``, for the recordings of these."""

    role: Role
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """The permissions of a person by all mappings together."""

    #: For the whole account.
    scopes: frozenset[Scope]
    limits: tuple[Limit, ...]

    def agents_for(self, scope: Scope) -> frozenset[str] | None:
        """Return the agents for whose recordings this scope is given; None for all recordings."""
        return agents_within(self.scopes, self.limits, scope)


def agents_within(scopes: Collection[str], limits: Iterable[Limit], scope: Scope) -> frozenset[str] | None:
    """Return the agents for whose recordings ``scope`` is given; None for all recordings."""
    if "*" in scopes or scope in scopes:
        return None
    return frozenset(agent for limit in limits if scope in limit.scopes for agent in limit.agents)


def grants_of(given: Sequence[RoleGrant]) -> Grants:
    """Return what these mappings give together. A limit adds nothing to a scope of the whole account."""
    scopes = scopes_of(one.role for one in given if not one.agents)
    limits = {
        Limit(scopes=SCOPES_OF_ROLE[one.role] - scopes, agents=frozenset(one.agents))
        for one in given
        if one.agents and SCOPES_OF_ROLE[one.role] - scopes
    }
    return Grants(scopes=scopes, limits=tuple(sorted(limits, key=lambda one: sorted(one.agents))))


def encode_limits(limits: Iterable[Limit]) -> list[dict[str, list[str]]]:
    """Return limits as JSON values."""
    return [{"scopes": sorted(one.scopes), "agents": sorted(one.agents)} for one in limits]


def decode_limits(values: Iterable[Mapping[str, Iterable[str]]]) -> tuple[Limit, ...]:
    """Return the limits of JSON values that ``encode_limits`` wrote."""
    return tuple(Limit(scopes=frozenset(one["scopes"]), agents=frozenset(one["agents"])) for one in values)


def scopes_of(roles: Iterable[Role]) -> frozenset[Scope]:
    """Return the scopes of all these roles; none for no role."""
    return frozenset(scope for role in roles for scope in SCOPES_OF_ROLE[role])
