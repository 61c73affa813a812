"""An account, its recording switch, and the keys by which people act for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

#: When the provider's copy is deleted: never, once ours is stored, when it was refused, or both.
SourcePolicy = Literal["keep", "stored", "refused", "always"]
Scope = Literal[
    "ingest",
    "recordings:read",
    "links:write",
    "settings:write",
    "privacy:write",
    "audit:read",
    "keys:write",
    "*",
]
#: Every scope that a key can carry.
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One tenant."""

    #: The vault's own random id, which stands in logs, leaves and encryption contexts.
    id: str
    #: The name in URLs, chosen by whoever opened the account.
    ref: str
    name: str
    #: A language tag such as ``en`` or ``fr-CA``.
    locale: str
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The recording switch as it stands. It is an opt-out: a new account records."""

    enabled: bool
    #: Grows by one each time the switch goes off; a recording keeps the epoch it was received under.
    epoch: int
    changed_at: datetime
    #: Who changed it last: an API key's id, or ``vault`` for the opening.
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchChange:
    """One entry of the switch's history."""

    enabled: bool
    epoch: int
    at: datetime
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key without its secret."""

    id: str
    name: str
    #: None means every account.
    account_id: str | None
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None

    def allows(self, scope: Scope) -> bool:
        """Say whether the key carries this scope, or all of them."""
        return "*" in self.scopes or scope in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An account's link to one telephony platform."""

    id: str
    account_id: str
    name: str
    provider: str
    #: Sealed under the account key; current and, during rotation, previous credentials.
    sealed_credentials: bytes
    #: The version of the account key that sealed them.
    key_version: int
    api_base: str | None
    #: Delete the provider's copy once the vault has read back its own.
    delete_at_source: bool
    #: Delete the provider's copy of what was refused, too.
    delete_refused: bool
    #: What the provider recorded before this moment is not the vault's business.
    collect_from: datetime
    #: Where the platform goes on with a call once the vault has had its word; None where it does not ask.
    next_url: str | None
    #: Ask the provider to pause a recording whose call may not be recorded, where it has a call for that.
    pause_refused: bool

    @property
    def source_policy(self) -> SourcePolicy:
        """Return what becomes of the provider's copy of a recording."""
        if self.delete_refused:
            return "always" if self.delete_at_source else "refused"
        return "stored" if self.delete_at_source else "keep"
