"""What goes over the wire between a vault and a simulated provider, as values: three nouns, no sockets."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Asked:
    """One request that the vault sent. It has no repr: its headers and its query hold credentials."""

    method: str
    #: As it stood in the request line, without the query.
    path: str
    #: Decoded, in order, blanks kept.
    query: Sequence[tuple[str, str]] = ()
    #: Names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter; None where there is none."""
        return next((value for key, value in self.query if key == name), None)

    @property
    def basic(self) -> tuple[str, str] | None:
        """Return user and password of HTTP Basic (RFC 7617); None where there are none."""
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
        """Return the token of an Authorization header (RFC 6750); None where there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" and token else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider answers."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Webhook:
    """One signed delivery to the vault, always by POST. It has no repr: some bodies hold their secret."""

    #: What happened, in the provider's own words, for people.
    event: str
    headers: Mapping[str, str]
    body: bytes


def json_reply(status: int, said: object) -> Reply:
    """Return JSON."""
    return Reply(status=status, body=json.dumps(said).encode())
