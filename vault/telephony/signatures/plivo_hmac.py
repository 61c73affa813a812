"""Plivo's signature of callbacks, version 3: an HMAC over the URL, the parameters and a nonce.

    base64(HMAC-SHA256(auth_token, BASE "." nonce)), where BASE is
    GET:                       scheme://host/path, and if there is a query "?" and its k=v, sorted, joined by "&"
    POST without parameters:   as GET
    POST with parameters:      scheme://host/path "?" sorted query ["." if there is a query] k v k v ..., sorted

Version 2 covers neither query nor body, so it is not known here. Nothing separates a name from its value,
and a dot could move from a value into the nonce: so a nonce with a dot is refused, and what is read later
must not depend on where a repeated parameter stood. Source: ``utils/signature_v3.py`` of plivo 4.63.0.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from vault.domain.calls.webhook import Delivery
from vault.errors import Invalid, NotAuthentic
from vault.telephony.parsing.forms import Form, parse_form, parse_query
from vault.telephony.signatures.standard_webhooks import DUMMY_KEY

#: By the account or subaccount, and always by the main account.
SIGNATURES = ("x-plivo-signature-v3", "x-plivo-signature-ma-v3")
NONCE_HEADER = "x-plivo-signature-v3-nonce"
#: Printable ASCII without the space, and without the dot.
NONCE = re.compile(r"[!-\-/-~]{1,256}")
SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=")
#: Signatures in one header: an account's tokens, the current and those on their way out.
MAX_SIGNATURES = 16


def verify_plivo(tokens: Sequence[str], delivery: Delivery) -> None:
    """Raise NotAuthentic unless one of ``tokens`` signed the delivery; never anything else.

    Empty tokens prove nothing. Without any token the work is done with a dummy key.
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
            # No early end: which token or signature fits is nobody's business.
            proven |= hmac.compare_digest(expected, candidate)
    if not (proven and usable):
        raise _not_authentic()


def _base(delivery: Delivery) -> str:
    """Return what is signed before the nonce. Raises NotAuthentic for what is no form or URL."""
    if delivery.method not in ("GET", "POST"):
        raise _not_authentic()
    try:
        parts = urlsplit(delivery.url)
        query = _sorted(parse_query(parts.query), between="=", after="&")
        body = parse_form(delivery.body)
    except (Invalid, ValueError):
        raise _not_authentic() from None
    if delivery.method == "GET" and delivery.body:
        # The signature of a GET covers no body, so there must be none.
        raise _not_authentic()
    place = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if not body:
        return f"{place}?{query}" if query else place
    return f"{place}?{query}{'.' if query else ''}{_sorted(body, between='', after='')}"


def _sorted(form: Form, *, between: str, after: str) -> str:
    # The pairs in order are the names in order, and the values of one name in order.
    return after.join(f"{name}{between}{value}" for name, value in sorted(form))


def _signatures(header: str) -> list[bytes]:
    """Return the signatures of a header; what cannot be one is passed over."""
    entries = header.split(",")
    if len(entries) > MAX_SIGNATURES:
        raise _not_authentic()
    return [entry.encode("ascii") for e in entries if SIGNATURE.fullmatch(entry := e.strip(" "))]


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _not_authentic(failed: str = "signature") -> NotAuthentic:
    """Return the one error of this module: it tells nobody which part was wrong."""
    return NotAuthentic("The delivery is not signed with this connection's secret.", failed=failed)
