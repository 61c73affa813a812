"""An account, its recording switch, its API keys and its connections, and what a stored answer shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from vault.domain.accounts.makers import add_makers
from vault.domain.field_types import FromOne, Later

#: When the provider's copy is deleted: never, after ours is stored, after a refusal, or after both.
SourcePolicy = Literal["keep", "stored", "refused", "always"]
Scope = Literal[
    "ingest",
    "recordings:pause",
    "recordings:read",
    "links:write",
    "settings:write",
    "privacy:write",
    "audit:read",
    "keys:write",
    "retention:write",
    "holds:write",
    "approvals:write",
    "quarantine:listen",
    "*",
]
#: Every scope of an API key.
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One tenant."""

    #: The vault's random id, used in logs, leaves and encryption contexts.
    id: str
    #: The name in URLs, chosen when the account is opened.
    ref: str
    name: str
    #: A language tag such as ``en`` or ``fr-CA``.
    locale: str
    opened_at: datetime
    #: The region in which all of it must lie, set once; None in a vault that has none.
    region: Later[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The state of the recording switch. It is an opt-out: a new account records."""

    enabled: bool
    #: Incremented each time the switch is turned off; a recording keeps the epoch of its receipt.
    epoch: int
    changed_at: datetime
    #: Author of the last change: an API key's id, or ``vault`` when the account was opened.
    changed_by: str

    @property
    def was_off(self) -> bool:
        """Return whether it was ever off. If not, its history has no off period, and need not be read."""
        return self.epoch > 0


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
    """An API key without its secret."""

    id: str
    name: str
    #: None means every account.
    account_id: str | None
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None

    def allows(self, scope: Scope) -> bool:
        """Return whether the key has this scope or ``*``."""
        return "*" in self.scopes or scope in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An account's connection to one telephony platform."""

    id: str
    account_id: str
    name: str
    provider: str
    #: Sealed under the account key; current and, during rotation, previous credentials.
    sealed_credentials: bytes
    #: The account key version that sealed them.
    key_version: FromOne
    api_base: str | None
    #: Delete the provider's copy after the vault has read back its own.
    delete_at_source: bool
    #: Also delete the provider's copy of refused recordings.
    delete_refused: bool
    #: Recordings that the provider made before this moment are ignored.
    collect_from: datetime
    #: Where the platform continues the call after the vault's document; None where it requests none.
    next_url: str | None
    #: Pause, at providers whose API can, the recording of a call that must not be recorded.
    pause_refused: bool
    #: Who set it last, and knows its secrets; None for one that an earlier release set.
    changed_by: Later[str | None] = None
    #: Everybody who has set it (vault/domain/accounts/makers.py). A node of the release before adds nobody.
    makers: Later[tuple[str, ...]] = ()

    @property
    def all_makers(self) -> tuple[str, ...]:
        """Return everybody who has set it, with the one who set it last."""
        return add_makers(self.makers, self.changed_by)

    @property
    def source_policy(self) -> SourcePolicy:
        """Return when the provider's copy of a recording is deleted."""
        if self.delete_refused:
            return "always" if self.delete_at_source else "refused"
        return "stored" if self.delete_at_source else "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionActivity:
    """The last activity of a connection, to the minute; None for an event that never happened."""

    #: A webhook that was authentic and was taken.
    last_webhook_at: datetime | None = None
    last_refusal_at: datetime | None = None
    #: The failed check (``NotAuthentic.failed``), ``not_valid``, ``too_many``, or the code of a refusal.
    last_refusal: str | None = None
    #: Up to when the provider's own list was compared with the announcements.
    reconciled_until: datetime | None = None
    last_list_error_at: datetime | None = None
    #: Why the provider's list could not be read: ``unreachable``, ``unauthorized`` or ``answer``.
    last_list_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSubject:
    """What a response shows: an account, and a recording or a call of it."""

    account_id: str
    recording_id: str | None = None
    call_ref: str | None = None
