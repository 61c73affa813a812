"""Plivo's callback signature, version 3: an HMAC over the URL, the parameters and a nonce.

    base64(HMAC-SHA256(auth_token, BASE "." nonce)), where BASE is
    GET:                       scheme://host/path, and if there is a query "?" and its k=v, sorted, joined by "&"
    POST without parameters:   as GET
    POST with parameters:      scheme://host/path "?" sorted query ["." if there is a query] k v k v ..., sorted

Version 2 covers neither query nor body, so it is not supported. Names and values have no separator, and a dot could be
moved from a value into the nonce: so a nonce with a dot is refused, and the adapter must not depend on the order of
repeated parameters. Source: ``utils/signature_v3.py`` of plivo 4.63.0.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid, NotAuthentic
from vault.telephony.parsing.forms import Form, parse_form, parse_query
from vault.telephony.signatures.standard_webhooks import DUMMY_KEY

#: Signed by the account or subaccount, and always also by the main account.
SIGNATURES = ("x-plivo-signature-v3", "x-plivo-signature-ma-v3")
NONCE_HEADER = "x-plivo-signature-v3-nonce"
#: Printable ASCII without the space and the dot.
NONCE = re.compile(r"[!-\-/-~]{1,256}")
SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=")
#: Maximum signatures in one header: of the account's current token and of previous ones during rotation.
MAX_SIGNATURES = 16


def verify_plivo(tokens: Sequence[str], delivery: Delivery) -> None:
    """Raise NotAuthentic, and no other error, unless one of ``tokens`` signed the callback.

    Empty tokens are never accepted. Without any token, a dummy key is used so that the time does not reveal it.
    """
    nonce = delivery.headers.get(NONCE_HEADER, "")
    given = [sent for name in SIGNATURES for sent in _signatures(delivery.headers.get(name, ""))]
    if NONCE.fullmatch(nonce) is None or not given:
        raise _not_authentic("headers")
    signed = _utf8(f"{_base(delivery)}.{nonce}")
    proven, usable = False, [token for token in tokens if token]
    for key in [_utf8(token) for token in usable] or [DUMMY_KEY]:
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
        for candidate in given:
            # No early exit, so the time does not reveal which token or signature matched.
            proven |= hmac.compare_digest(expected, candidate)
    if not (proven and usable):
        raise _not_authentic()


def _base(delivery: Delivery) -> str:
    """Return the signed text before the nonce. Raises NotAuthentic if the form or the URL cannot be parsed."""
    if delivery.method not in ("GET", "POST"):
        raise _not_authentic()
    try:
        parts = urlsplit(delivery.url)
        query = _sorted(parse_query(parts.query), between="=", after="&")
        body = parse_form(delivery.body)
    except (Invalid, ValueError):
        raise _not_authentic() from None
    if delivery.method == "GET" and delivery.body:
        # The signature of a GET does not cover a body, so a body is refused.
        raise _not_authentic()
    place = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if not body:
        return f"{place}?{query}" if query else place
    return f"{place}?{query}{'.' if query else ''}{_sorted(body, between='', after='')}"


def _sorted(form: Form, *, between: str, after: str) -> str:
    # Sorting the pairs sorts by name, then by value.
    return after.join(f"{name}{between}{value}" for name, value in sorted(form))


def _signatures(header: str) -> list[bytes]:
    """Return the signatures of a header; malformed entries are skipped."""
    entries = header.split(",")
    if len(entries) > MAX_SIGNATURES:
        raise _not_authentic()
    return [entry.encode("ascii") for e in entries if SIGNATURE.fullmatch(entry := e.strip(" "))]


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _not_authentic(failed: str = "signature") -> NotAuthentic:
    """Build the one error of this module; its message does not reveal which check failed."""
    return NotAuthentic("The delivery is not signed with this connection's secret.", failed=failed)
