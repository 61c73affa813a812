"""What gives a right: each kind of permission, what its holder can do with it, and the check of who makes one.

Nobody gives away what he may not do himself. Each type of event says in its entry which kind of permission begins, or
becomes wider, with it (``event_types/``), so a new kind of permission says here what it gives.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from vault.domain.accounts.account import SCOPES, Scope
from vault.domain.accounts.roles import SCOPES_OF_ROLE, scopes_of

GrantorName = Literal[
    "api_key", "role", "readmission", "link_key", "link", "session", "console_session", "approval", "package",
    "connection", "policy", "provisioning",
]  # fmt: skip
#: Whether somebody has a scope.
Allows = Callable[[Scope], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grantor:
    """A kind of permission."""

    #: The scope of the doors where it is made; None: whoever holds another permission uses it.
    door: Scope | None
    #: The scopes that do what every one of its holders can do.
    always: frozenset[Scope] = frozenset()
    #: Further scopes that one of this kind can give, as its maker chooses.
    chosen: frozenset[Scope] = frozenset()


GRANTORS: Final[Mapping[GrantorName, Grantor]] = {
    "api_key": Grantor(door="keys:write", chosen=frozenset(SCOPES)),
    "role": Grantor(door="keys:write", chosen=scopes_of(SCOPES_OF_ROLE)),
    # With any role that the account's sign-in connections give: which, the provider says at the next sign-in.
    "readmission": Grantor(door="keys:write", chosen=scopes_of(SCOPES_OF_ROLE)),
    # Whoever has the private key signs links to every recording, also to be downloaded.
    "link_key": Grantor(door="keys:write", always=frozenset({"links:write"})),
    # A link for legal claims plays what is restricted, one for the check of consent what is in quarantine.
    "link": Grantor(
        door="links:write",
        always=frozenset({"links:write"}),
        chosen=frozenset({"privacy:write", "quarantine:listen"}),
    ),
    # Less than the link with which it is opened.
    "session": Grantor(door=None),
    # What the API key or the roles give, with which somebody signs in.
    "console_session": Grantor(door=None, chosen=frozenset(SCOPES)),
    # The act that somebody asked for, which both may do.
    "approval": Grantor(door="approvals:write", chosen=frozenset(SCOPES)),
    # The data of a person, with sound: privacy:write decides on the request, and downloads.
    "package": Grantor(door="privacy:write", always=frozenset({"privacy:write"})),
    # Whoever has the webhook secret reports calls, what their parties answer, and recordings, as ingest does.
    "connection": Grantor(door="settings:write", always=frozenset({"settings:write", "ingest"})),
    # With one that erases what a party takes back, whoever reports consent erases.
    # Whoever has the token says who may sign in by a connection, and with groups who has its roles.
    "provisioning": Grantor(door="keys:write", chosen=scopes_of(SCOPES_OF_ROLE)),
    "policy": Grantor(door="settings:write", chosen=frozenset({"privacy:write"})),
}


def scopes_beyond(kind: GrantorName, allows: Allows, chosen: Iterable[Scope] = ()) -> list[Scope]:
    """Return, in order, what a new permission would give and its maker may not do; none if it may be made.

    ``chosen``: what this one gives besides what all of its kind give. Raises ValueError for what none of its kind can.
    """
    scopes, grantor = frozenset(chosen), GRANTORS[kind]
    if not scopes <= grantor.chosen:
        raise ValueError(f"The table of grantors does not say that {kind} gives {sorted(scopes)}.")
    return sorted(scope for scope in scopes | grantor.always if not allows(scope))
