"""Requests, replies and webhooks between a vault and a simulated provider, as values without I/O."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VaultRequest:
    """A request from the vault. It has no repr: its headers and its query contain credentials."""

    method: str
    #: As in the request line, without the query.
    path: str
    #: Decoded, in order, blanks kept.
    query: Sequence[tuple[str, str]] = ()
    #: Names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None."""
        return next((value for key, value in self.query if key == name), None)

    @property
    def basic(self) -> tuple[str, str] | None:
        """Return the user and password of HTTP Basic (RFC 7617), or None."""
        scheme, _, coded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if colon else None

    @property
    def bearer(self) -> str | None:
        """Return the bearer token of the Authorization header (RFC 6750), or None."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" and token else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The provider's response."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    #: Further headers; their names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Webhook:
    """A signed webhook to the vault, always sent by POST. It has no repr: some bodies contain their secret."""

    #: The provider's name of the event, for the output.
    event: str
    headers: Mapping[str, str]
    body: bytes


def json_reply(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Build a reply with a JSON body."""
    return Reply(status=status, body=json.dumps(value).encode(), headers=headers or {})
