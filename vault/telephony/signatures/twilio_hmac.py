"""Signatures of Twilio and of SignalWire, which adopted Twilio's: an HMAC over the URL and the parameters.

    base64(HMAC(key, url + name + value + name + value ...))    of a form
    base64(HMAC(key, url))                                      of a query, or of JSON whose hash is in the query
    hex(HMAC(key, url + raw body))                              SignalWire's own scheme, for any body

The schemes have no separators and no timestamp. So replays cannot be detected here, and the adapter must not
depend on the order of repeated parameters. SignalWire's SDK also accepts a signature over the URL alone for a form
with parameters; that leaves the form unauthenticated, so it is refused here.
Sources: ``request_validator.py`` of twilio 9.13.0, ``webhook_validator.py`` of signalwire-sdk 3.7.5.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid, NotAuthentic
from vault.telephony.parsing.forms import Form, parse_query
from vault.telephony.signatures.standard_webhooks import DUMMY_KEY

URL = re.compile(r"(https?)://([^/?#]*)(.*)", re.DOTALL)
#: A host and an optional port; an IPv6 address has its colons inside brackets.
NETLOC = re.compile(r"([^\]]*?|[^\]]*\])(?::([0-9]{1,5}))?")
PORTS = {"https": "443", "http": "80"}


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """A received signature, and the text it must be a signature of."""

    given: bytes
    #: The hash's name for ``hmac.digest``.
    algorithm: str
    text: bytes
    #: True for hexadecimal, False for base64.
    hexadecimal: bool = False

    def expected(self, key: bytes) -> bytes:
        """Compute the signature with ``key``, in the encoding of the received one."""
        digest = hmac.digest(key, self.text, self.algorithm)
        return digest.hex().encode("ascii") if self.hexadecimal else base64.b64encode(digest)


def verify_claims(keys: Sequence[bytes], claims: Sequence[Claim]) -> None:
    """Raise NotAuthentic unless one of ``keys`` made one of the signatures. Empty keys are never accepted."""
    proven, usable = False, [key for key in keys if key]
    for key in usable or [DUMMY_KEY]:
        for claim in claims:
            # No early exit, so the time does not reveal which key or claim matched.
            proven |= hmac.compare_digest(claim.expected(key), claim.given)
    if not (proven and usable):
        raise not_authentic()


def url_claims(given: str, algorithm: str, delivery: Delivery, form: Form | None) -> list[Claim]:
    """Build the claims of Twilio's scheme: the URL with and without its port, each with the parameters.

    ``form`` is None if the body is not a form; then the URL must contain the hash of the body.
    Raises NotAuthentic if it does not.
    """
    if form is None and not _body_hash_fits(delivery):
        raise not_authentic()
    parameters = [""] if form is None or delivery.method == "GET" else _parameters(form)
    return [
        Claim(as_bytes(given), algorithm, as_bytes(url + text))
        for url in url_variants(delivery.url)
        for text in parameters
    ]


def raw_claim(given: str, algorithm: str, delivery: Delivery) -> Claim:
    """Build the claim of SignalWire's own scheme: hexadecimal, over the URL and the raw body."""
    return Claim(as_bytes(given), algorithm, as_bytes(delivery.url) + delivery.body, hexadecimal=True)


def url_variants(url: str) -> list[str]:
    """Return ``url`` without a port, and with its port or the default port of its scheme.

    Twilio signs sometimes the one and sometimes the other; its own validator tries both.
    """
    match = URL.fullmatch(url)
    place = NETLOC.fullmatch(match[2]) if match else None
    if match is None or place is None:
        return [url]
    scheme, rest = match[1], match[3]
    port = place[2] or PORTS[scheme]
    return [f"{scheme}://{place[1]}{rest}", f"{scheme}://{place[1]}:{port}{rest}"]


def shared_key_id(header: str) -> str:
    """Return the id in ``key=<id>,algorithm=HMAC_SHA256``. Raises NotAuthentic for any other settings.

    A sender must not choose a weaker scheme: with this header only a shared key and SHA-256 are accepted.
    """
    settings: dict[str, str] = {}
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name in settings:
            raise not_authentic()
        settings[name] = value
    if settings.get("algorithm", "").upper() != "HMAC_SHA256" or not settings.get("key"):
        raise not_authentic()
    return settings["key"]


def as_bytes(text: str) -> bytes:
    """Encode any text in UTF-8; headers and paths may contain lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def not_authentic() -> NotAuthentic:
    """Build the one error of this module; its message does not reveal which check failed."""
    return NotAuthentic("The delivery is not signed with this connection's secret.")


def _parameters(form: Form) -> list[str]:
    """Return the signed form of the parameters: Twilio's, and SignalWire's if it differs.

    Twilio sorts and drops duplicate values. SignalWire's SDK keeps them, in the order they were sent.
    """
    names = sorted({name for name, _ in form})
    distinct = "".join(name + value for name in names for value in sorted(set(form.all(name))))
    every = "".join(name + value for name in names for value in form.all(name))
    return [distinct] if distinct == every else [distinct, every]


def _body_hash_fits(delivery: Delivery) -> bool:
    try:
        hashes = parse_query(urlsplit(delivery.url).query).all("bodySHA256")
    except (Invalid, ValueError):
        return False
    body = hashlib.sha256(delivery.body).hexdigest()
    return len(hashes) == 1 and hmac.compare_digest(as_bytes(hashes[0]), body.encode("ascii"))
