"""JSON schemas of accounts, switches, connections and API keys."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from vault.domain.accounts import account as nouns
from vault.services.accounts.connections import ConnectionRequest, ConnectionView
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Text


class AccountIn(Body):
    """An account's settings; fields that are not sent stay unchanged."""

    name: Text | None = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)] | None = None
    #: Refused unless it is the region of this vault: says that the account must lie in it.
    region: Annotated[str, Field(max_length=32)] | None = None


class AccountOut(BaseModel):
    """An account."""

    id: str
    account: str
    name: str
    locale: str
    opened_at: MomentOut
    #: Where all of it lies; null in a vault without a region.
    region: str | None = None
    #: Set while nothing is erased by time: no retention policy is in force, or it cannot be read.
    warning: str | None = None

    @classmethod
    def of(cls, account: nouns.Account, warning: str | None) -> "AccountOut":
        """Show an account."""
        return cls(
            id=account.id,
            account=account.ref,
            name=account.name,
            locale=account.locale,
            opened_at=account.opened_at,
            region=account.region,
            warning=warning,
        )


class AccountsOut(BaseModel):
    """A page of accounts, ordered by name."""

    items: list[AccountOut]
    next_cursor: str | None = None


class AccountsQuery(Body):
    """The page of accounts to list."""

    cursor: Annotated[str, Field(max_length=128)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class SwitchIn(Body):
    """The new state of the recording switch."""

    enabled: Flag
    reason: Text | None = None


class SwitchOut(BaseModel):
    """The state of the recording switch."""

    enabled: bool
    epoch: int
    changed_at: MomentOut
    changed_by: str

    @classmethod
    def of(cls, switch: nouns.Switch) -> "SwitchOut":
        """Show a switch."""
        return cls(
            enabled=switch.enabled,
            epoch=switch.epoch,
            changed_at=switch.changed_at,
            changed_by=switch.changed_by,
        )


class SwitchChangeOut(BaseModel):
    """A change of the recording switch."""

    enabled: bool
    epoch: int
    at: MomentOut
    by: str
    reason: str | None = None


class SwitchHistoryOut(BaseModel):
    """A page of the changes of the recording switch, oldest first."""

    items: list[SwitchChangeOut]
    next_cursor: str | None = None


class ConnectionIn(Body):
    """A connection to a telephony platform."""

    provider: Text
    credentials: dict[str, str]
    previous_credentials: dict[str, str] | None = None
    api_base: Annotated[str, Field(pattern=r"^https?://", max_length=500)] | None = None
    #: Delete the provider's copy of stored recordings. Default: depends on the provider.
    delete_at_source: Flag | None = None
    #: Delete the provider's copy of refused recordings.
    delete_refused: Flag = False
    #: Where the platform continues a call after the vault's call instructions.
    next_url: Annotated[str, Field(pattern=r"^https?://", max_length=500)] | None = None
    #: Ask the provider to pause the recording of a call that may not be recorded, if its API can.
    pause_refused: Flag = False
    #: Fetch recordings made since this time that are in the provider's list. Default: now.
    collect_from: MomentIn | None = None

    def wanted(self) -> ConnectionRequest:
        """Return the connection to set."""
        return ConnectionRequest(
            provider=self.provider,
            credentials=self.credentials,
            previous_credentials=self.previous_credentials,
            api_base=self.api_base,
            delete_at_source=self.delete_at_source,
            delete_refused=self.delete_refused,
            collect_from=self.collect_from,
            next_url=self.next_url,
            pause_refused=self.pause_refused,
        )


class ConnectionOut(BaseModel):
    """A connection, without its secrets."""

    id: str
    name: str
    provider: str
    webhook_url: str
    delete_at_source: bool
    delete_refused: bool
    collect_from: MomentOut
    next_url: str | None = None
    pause_refused: bool = False
    #: Base URL of the platform's API; null for the provider's default.
    api_base: str | None = None
    setup: dict[str, Any]
    #: The last webhook that was authentic and was taken, to the minute.
    last_webhook_at: MomentOut | None = None
    #: The last webhook that was refused, and why: `signature`, `headers`, `body`, `clock`, `not_valid`, `too_many` or
    #: the code of a refusal.
    last_refusal_at: MomentOut | None = None
    last_refusal: str | None = None
    #: Up to when the platform's own list was compared with what it announced.
    reconciled_until: MomentOut | None = None
    #: When and why that list could not be read: `unreachable`, `unauthorized` or `answer`.
    last_list_error_at: MomentOut | None = None
    last_list_error: str | None = None

    @classmethod
    def of(cls, view: ConnectionView) -> "ConnectionOut":
        """Show a connection."""
        last = {name: getattr(view.activity, name) for name in nouns.ConnectionActivity.__slots__}
        own = set(cls.model_fields) - {"webhook_url", "setup", *last}
        fields = {name: getattr(view.connection, name) for name in own} | last
        return cls(**fields, webhook_url=view.webhook_url, setup=dict(view.setup))


class ConnectionsOut(BaseModel):
    """An account's connections, ordered by name."""

    items: list[ConnectionOut]
    next_cursor: str | None = None


class KeyIn(Body):
    """An API key to create."""

    name: Text
    scopes: Annotated[list[nouns.Scope], Field(min_length=1, max_length=16)]
    account: Text | None = None


class KeyMadeOut(BaseModel):
    """A new API key; its secret is only shown here."""

    id: str
    key: str


class KeyOut(BaseModel):
    """An API key, without its secret."""

    id: str
    name: str
    account_id: str | None = None
    scopes: list[str]
    created_at: MomentOut
    revoked_at: MomentOut | None = None

    @classmethod
    def of(cls, key: nouns.ApiKey) -> "KeyOut":
        """Show a key."""
        same = ("id", "name", "account_id", "created_at", "revoked_at")
        return cls(**{name: getattr(key, name) for name in same}, scopes=sorted(key.scopes))


class KeysOut(BaseModel):
    """A page of API keys, oldest first."""

    items: list[KeyOut]
    next_cursor: str | None = None
