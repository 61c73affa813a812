"""Roles: bundles of scopes, which a sign-in connection gives to people."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args

from vault.domain.accounts.account import Scope

#: Roles in an account.
Role = Literal["listener", "supervisor", "privacy", "auditor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

SCOPES_OF_ROLE: Final[Mapping[Role, frozenset[Scope]]] = {
    # Listening at the console opens a link of one's own.
    "listener": frozenset({"recordings:read", "links:write"}),
    "supervisor": frozenset({"recordings:read", "links:write", "audit:read"}),
    "privacy": frozenset(
        {
            "recordings:read", "links:write", "audit:read", "privacy:write", "retention:write", "holds:write",
            "approvals:write",
        }
    ),
    "auditor": frozenset({"audit:read"}),
    "admin": frozenset(
        {
            "recordings:read", "links:write", "settings:write", "privacy:write", "audit:read", "keys:write",
            "retention:write", "holds:write", "approvals:write",
        }
    ),
}  # fmt: skip


def scopes_of(roles: Iterable[Role]) -> frozenset[Scope]:
    """Return the scopes of all these roles; none for no role."""
    return frozenset(scope for role in roles for scope in SCOPES_OF_ROLE[role])
