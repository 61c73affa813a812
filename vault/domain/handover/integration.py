"""An integration: a CRM or helpdesk to which an account has its calls handed over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from vault.domain.crm.exchange import Grant, OAuthClient
from vault.domain.field_types import Later

#: The folder of their messages in ``vault/services/outbox/kinds``.
KIND: Final = "handovers"
#: Integrations of one account, those that have ended not counted.
MAX_INTEGRATIONS: Final = 20
#: Those that have ended included: what they handed over names them.
MAX_EVER: Final = 200
#: ``removing``: nothing new is handed over, and what was is removed; then it ends by itself.
IntegrationState = Literal["active", "paused", "removing", "ended"]
#: What is done where several contacts have the number: ask a person, or take the one that was changed last.
Matching = Literal["hold", "newest"]
#: What becomes of what stands there while a recording is restricted.
OnRestriction = Literal["redact", "remove"]
#: How long before it expires an access token is renewed: a request with it is on its way meanwhile.
_EARLY: Final = timedelta(seconds=60)
#: The types of their messages.
WRITE: Final = "handover.write"
REMOVE: Final = "handover.remove"
_REMOVALS: Final = "/removals"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverPolicy:
    """What is handed over, and how. It has ids and codes alone."""

    matching: Matching = "hold"
    on_restriction: OnRestriction = "redact"
    #: Whether numbers are cut to their last digits; in a channel, which has an audience, they always are.
    mask_numbers: bool = False
    #: The ids of the connections whose calls are handed over; empty: calls of all, and uploads.
    connections: tuple[str, ...] = ()
    #: Whether a contact is created where none has the number.
    creates_contacts: Later[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIntegration:
    """An integration as in its row, and in the account's object."""

    id: str
    account_id: str
    #: The name of its system in ``vault/crm``.
    system: str
    state: IntegrationState
    policy: HandoverPolicy
    #: Credentials and the description, as words of the account.
    sealed: str
    #: Its vendor's entry in the register of recipients.
    recipient_id: str
    created_at: datetime
    changed_at: datetime
    changed_by: str
    #: Since when the system refuses its credentials, or nobody has authorized it; until then nothing is sent, and
    #: removals wait.
    unauthorized_since: datetime | None = None
    #: When it was last set, paused, resumed or authorized: what waits since before is put into the outbox again.
    set_up_at: datetime

    @property
    def is_revoking(self) -> bool:
        """Return whether it has ended, and its grant is kept until the system has revoked it."""
        return self.state == "ended" and self.sealed != ""

    @property
    def sends(self) -> bool:
        """Return whether calls are handed over now."""
        return self.state == "active" and self.unauthorized_since is None

    @property
    def removes(self) -> bool:
        """Return whether what was handed over is removed now: also while it is paused."""
        return self.state != "ended" and self.unauthorized_since is None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StoredGrant:
    """The tokens of an integration. It has no repr, since it holds secrets."""

    access_token: str
    #: None: the system gave none, and a person authorizes again when the access token expires.
    refresh_token: str | None
    #: None: it does not expire.
    expires_at: datetime | None
    #: What the grant adds to the settings, such as ``instance_url``.
    settings: Mapping[str, str]

    @classmethod
    def of(cls, grant: Grant, *, at: datetime, former: "StoredGrant | None" = None) -> "StoredGrant":
        """Return what is stored of a grant; what its reply does not repeat is that of the ``former`` one."""
        refresh = grant.refresh_token or (None if former is None else former.refresh_token)
        return cls(
            access_token=grant.access_token,
            refresh_token=refresh,
            expires_at=None if grant.expires_in is None else at + grant.expires_in,
            settings=grant.settings or ({} if former is None else former.settings),
        )

    def is_over(self, now: datetime) -> bool:
        """Return whether the access token has expired, or is about to."""
        return self.expires_at is not None and now >= self.expires_at - _EARLY


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationSecrets:
    """What is sealed of an integration, until it ends: who receives the calls is in the register of recipients."""

    #: By the names of the system's fields.
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: For people.
    description: str = ""
    #: With OAuth: the account's registration at the system, and what a person has granted.
    client: OAuthClient | None = field(default=None, repr=False)
    grant: StoredGrant | None = field(default=None, repr=False)


def destination_of(integration_id: str, *, removals: bool) -> str:
    """Return a destination of an integration in the outbox: removals have their own, which no other message delays."""
    return f"{KIND}/{integration_id}{_REMOVALS if removals else ''}"


def destinations_of(integration_id: str) -> tuple[str, str]:
    """Return both destinations of an integration."""
    return destination_of(integration_id, removals=False), destination_of(integration_id, removals=True)


def integration_of(destination: str) -> tuple[str, bool]:
    """Return the id of the integration of a destination, and whether that is the one of removals."""
    name = destination.removeprefix(f"{KIND}/")
    return name.removesuffix(_REMOVALS), name.endswith(_REMOVALS)
