"""An invited person, and the invitation: the address, good once, at which the person makes a passkey."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vault.domain.accounts.roles import AccountRole

#: How long an address can be used.
LIFE: Final = timedelta(days=7)
#: How long the address waits for a person who has passkeys: meanwhile it can be seen and revoked.
RECOVERY_WAIT: Final = timedelta(hours=24)
#: People of an account who were invited and are not removed.
MAX_INVITED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberTerms:
    """What an administrator enters about a person."""

    name: str = field(repr=False)
    email: str | None = field(repr=False)
    roles: tuple[AccountRole, ...]
    #: Names or ids of agents, to whose recordings ``listener`` and ``supervisor`` are limited; none: all recordings.
    agents: tuple[str, ...]

    def roles_beyond(self, before: "MemberTerms") -> frozenset[AccountRole]:
        """Return the roles that a change to these terms gives: new ones, and all of them for other agents."""
        return frozenset(self.roles) - (
            frozenset(before.roles) if self.agents == before.agents else frozenset()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An address without its secret."""

    id: str
    account_id: str
    person_id: str
    created_at: datetime
    created_by: str
    starts_at: datetime
    ends_at: datetime
    #: When it was used or revoked.
    ended_at: datetime | None = None
    #: Who may see the address, once, until ``ends_at``: it was asked for, and a second person approved it.
    waits_for: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether it can be used now."""
        return self.ended_at is None and self.starts_at <= now < self.ends_at


def encode_terms(terms: MemberTerms) -> str:
    """Encode what no other column has, to be sealed."""
    return json.dumps({"email": terms.email, "agents": terms.agents})


def decode_terms(text: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return e-mail address and agents of a text that the vault sealed."""
    if text is None:
        return None, ()
    values = json.loads(text)
    return values["email"], tuple(values["agents"])
