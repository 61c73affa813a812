"""Requests to the API of a CRM system, and its replies, as values, so that adapters stay pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from vault.domain.outbox.signature import signed_headers

#: Bytes that are read of a reply. Intercom answers a note with the whole conversation.
MAX_REPLY: Final = 1024 * 1024

#: What a request is for. One reply can mean different things: 404 is a success of a removal, not of a creation.
Act = Literal["find", "create", "probe", "update", "remove"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CrmRequest:
    """One request to a system. It has no repr, since headers hold secrets, and the body holds personal data."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    #: https, port 443.
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    #: Permitted hosts of the URL, exact names: the system's own for this integration. No other is sent a token.
    hosts: tuple[str, ...]
    #: Secrets by which it is signed when it is sent, as in Standard Webhooks; empty: it is not signed.
    secrets: tuple[str, ...] = ()
    #: For a signed one: what it says, as the end of its id. The same message says it once.
    kind: str = ""

    def headers_at(self, message_id: str, at: datetime) -> Mapping[str, str]:
        """Return the headers with which a message of this id sends it at this time."""
        if not self.secrets:
            return self.headers
        return {**self.headers, **signed_headers(self.secrets, f"{message_id}-{self.kind}", self.body, at=at)}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CrmReply:
    """The reply of a system. It has no repr, since it holds personal data."""

    status: int
    #: Names in lower case; the values of a repeated header are joined by a comma.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: At most ``MAX_REPLY`` bytes.
    body: bytes = b""
    #: When it arrived: some headers say a date.
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CrmAccess:
    """An adapter's access to its system for one integration. It has no repr, since it holds a secret."""

    #: What the admin entered, and what a grant added, such as ``subdomain`` and ``instance_url``. No secrets.
    settings: Mapping[str, str]
    #: Whether ``token`` is an access token of OAuth, or a key that the admin entered.
    by: Literal["oauth", "key"]
    token: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OAuthClient:
    """The registration of the vault at a system. It has no repr, since it holds a secret."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Grant:
    """What a reply with tokens grants. It has no repr, since it holds secrets."""

    access_token: str
    #: None: the reply has none, and the one that there is stays valid.
    refresh_token: str | None
    #: After it the access token is refreshed. None: it does not expire.
    expires_in: timedelta | None
    #: To be stored beside the settings of the integration, such as ``instance_url``: its host has been checked.
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many more requests a system takes, by the headers of a reply."""

    remaining: int
    #: None: the reply does not say.
    limit: int | None
    resets_in: timedelta
    #: Whether ``resets_in`` is the whole length of a window of which nobody says when it began.
    is_window: bool = False
