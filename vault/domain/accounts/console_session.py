"""A session of a person in the console: how long it lasts, and what it may do."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import Limit, agents_within

#: How long a session lasts at most, and how long it lasts without a request.
MAX_LENGTH = timedelta(hours=12)
MAX_IDLE = timedelta(minutes=30)
#: The time of the last request is written at most this often.
USE_INTERVAL = timedelta(minutes=1)
#: Life of the link by which somebody listens at the console: it is opened immediately, and nobody sees its address.
OPENED_AT_ONCE = timedelta(minutes=1)
#: How long an address that signs in once can be used.
INVITATION_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSession:
    """A session without its secret. It began with an API key or, if ``person_id`` is set, at a sign-in provider."""

    id: str
    #: None means every account.
    account_id: str | None
    key_id: str | None
    person_id: str | None
    #: The provider's id of its own session.
    sid: str | None
    #: Scopes for the whole account.
    scopes: frozenset[str]
    created_at: datetime
    last_used_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    #: Scopes for the recordings of some agents.
    limits: tuple[Limit, ...] = ()
    #: When the person last proved who it is; None for a key.
    verified_at: datetime | None = None

    @property
    def actor(self) -> str:
        """Return the actor of its acts in the access log: the person, else the key."""
        return self.person_id or self.key_id or self.id

    def allows(self, scope: Scope) -> bool:
        """Return whether the session has this scope, or ``*``, for the whole account."""
        return "*" in self.scopes or scope in self.scopes

    @property
    def limited_scopes(self) -> frozenset[str]:
        """Return the scopes that it has only for the recordings of some agents."""
        return frozenset(scope for limit in self.limits for scope in limit.scopes)

    def agents_for(self, scope: Scope) -> frozenset[str] | None:
        """Return the agents for whose recordings the session has this scope; None for all recordings."""
        return agents_within(self.scopes, self.limits, scope)

    def is_open(self, now: datetime) -> bool:
        """Return whether it is neither ended nor over nor idle for too long."""
        return self.ended_at is None and now < self.ends_at and now < self.last_used_at + MAX_IDLE
