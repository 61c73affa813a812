"""The JSON of accounts, switches, connections and API keys."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from vault.domain.accounts import account as nouns
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Text


class AccountIn(Body):
    """What can be said of an account."""

    name: Text | None = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)] | None = None


class AccountOut(BaseModel):
    """An account."""

    id: str
    account: str
    name: str
    locale: str
    opened_at: MomentOut

    @classmethod
    def of(cls, account: nouns.Account) -> "AccountOut":
        """Show an account."""
        return cls(
            id=account.id,
            account=account.ref,
            name=account.name,
            locale=account.locale,
            opened_at=account.opened_at,
        )


class AccountsOut(BaseModel):
    """A page of accounts, by name."""

    items: list[AccountOut]
    next_cursor: str | None = None


class AccountsQuery(Body):
    """Which accounts are listed."""

    cursor: Annotated[str, Field(max_length=128)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class SwitchIn(Body):
    """How the recording switch shall stand."""

    enabled: Flag
    reason: Text | None = None


class SwitchOut(BaseModel):
    """How the recording switch stands."""

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
    """One change of the switch."""

    enabled: bool
    epoch: int
    at: MomentOut
    by: str
    reason: str | None = None


class SwitchHistoryOut(BaseModel):
    """Every change, oldest first."""

    items: list[SwitchChangeOut]
    next_cursor: str | None = None


class ConnectionIn(Body):
    """A connection to a telephony platform."""

    provider: Text
    credentials: dict[str, str]
    previous_credentials: dict[str, str] | None = None
    api_base: Annotated[str, Field(pattern=r"^https?://", max_length=500)] | None = None
    #: Left out: what the provider's adapter thinks best.
    delete_at_source: Flag | None = None
    #: Delete the provider's copy of refused recordings, too.
    delete_refused: Flag = False
    #: Where a call goes on once the vault has answered the platform at its start.
    next_url: Annotated[str, Field(pattern=r"^https?://", max_length=500)] | None = None
    #: Ask the provider to pause a recording whose call may not be recorded, where it has a call for that.
    pause_refused: Flag = False
    #: Bring in, by comparing the provider's list, what was recorded since then. Left out: from now on.
    collect_from: MomentIn | None = None


class ConnectionOut(BaseModel):
    """A connection. Its secrets never come back."""

    id: str
    name: str
    provider: str
    webhook_url: str
    delete_at_source: bool
    delete_refused: bool
    collect_from: MomentOut
    next_url: str | None = None
    pause_refused: bool = False
    #: Where the platform's REST interface is; null where it is the usual place.
    api_base: str | None = None
    setup: dict[str, Any]

    @classmethod
    def of(
        cls, connection: nouns.Connection, webhook_url: str, setup: Mapping[str, object]
    ) -> "ConnectionOut":
        """Show a connection."""
        own = set(cls.model_fields) - {"webhook_url", "setup"}
        said = {name: getattr(connection, name) for name in own}
        return cls(**said, webhook_url=webhook_url, setup=dict(setup))


class ConnectionsOut(BaseModel):
    """An account's connections, by name."""

    items: list[ConnectionOut]
    next_cursor: str | None = None


class KeyIn(Body):
    """An API key that shall be made."""

    name: Text
    scopes: Annotated[list[nouns.Scope], Field(min_length=1, max_length=16)]
    account: Text | None = None


class KeyMadeOut(BaseModel):
    """A new API key; it is shown this once."""

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
    """API keys, oldest first."""

    items: list[KeyOut]
    next_cursor: str | None = None
