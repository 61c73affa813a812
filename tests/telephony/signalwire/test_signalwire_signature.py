"""SignalWire's signatures, with the vendor's SDK as the judge of what is signed, and every mutation."""

import base64
import hashlib
import hmac
import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signalwire.core.security.webhook_validator import (
    _b64_hmac_sha1,
    _hex_hmac_sha1,
    _hex_hmac_sha256,
    _parse_form_body,
    _sorted_concat_params,
    validate_webhook_signature,
    validate_webhook_signature_sha256,
)

from tests.support.counts import count
from tests.telephony.forms_of import encode
from tests.telephony.generated_forms import changes, flipped, pairs
from tests.telephony.signalwire.recorded import CREDENTIALS, PROVIDER, URL, delivery, load
from vault.errors import NotAuthentic
from vault.telephony.signatures.twilio_hmac import DUMMY_KEY

KEY, OTHER = "PSK_made-up", CREDENTIALS | {"signing_key": "PSK_other"}
SHA1, SHA256, ALIAS = "x-signalwire-signature", "x-signalwire-sha256-signature", "x-twilio-signature"
JSON = {"content-type": "application/json"}


def form_signed(body: bytes, *, url: str = URL, key: str = KEY) -> dict[str, str]:
    """Return the header that the SDK would accept for a form."""
    text = url + _sorted_concat_params(_parse_form_body(body.decode()))
    return {SHA1: _b64_hmac_sha1(key, text)}


def json_signed(body: bytes, *, url: str = URL, key: str = KEY) -> dict[str, str]:
    """Return both headers that the SDK would accept for JSON."""
    text = url + body.decode()
    return JSON | {SHA1: _hex_hmac_sha1(key, text), SHA256: _hex_hmac_sha256(key, text)}


def accepted(body: bytes, headers: dict[str, str], credentials=(CREDENTIALS,), *, url: str = URL) -> None:
    PROVIDER.authenticate(delivery(body, headers, url=url), credentials)


def refused(body: bytes, headers: dict[str, str], credentials=(CREDENTIALS,), *, url: str = URL) -> None:
    with pytest.raises(NotAuthentic) as error:
        accepted(body, headers, credentials, url=url)
    assert str(error.value) == "The delivery is not signed with this connection's secret."


def test_forms_that_the_peer_accepts_are_accepted_and_every_mutation_refused() -> None:
    """URL, parameters, signature, key: one bit, one field, one letter more or less."""
    chance = random.Random(11)  # noqa: S311 - the same requests in every run
    for _ in range(count("signed forms", small=60, full=1000)):
        sent = pairs(chance)
        body, url = encode(sent), URL + chance.choice(["", "?a=b%20+c"])
        headers = form_signed(body, url=url)
        assert validate_webhook_signature(KEY, headers[SHA1], url, body.decode())
        for credentials in ([CREDENTIALS], [OTHER, CREDENTIALS], [CREDENTIALS, OTHER]):
            accepted(body, headers, credentials, url=url)
        accepted(body, {ALIAS: headers[SHA1]}, url=url)
        for mutated in changes(sent, chance):
            refused(encode(mutated), headers, url=url)
        refused(b"", headers, url=url)
        refused(body, headers, url=flipped(url, chance))
        refused(body, {SHA1: flipped(headers[SHA1], chance)}, url=url)
        refused(body, {SHA1: flipped(headers[SHA1], chance), ALIAS: headers[SHA1]}, url=url)
        refused(body, headers, [OTHER], url=url)
        refused(body, headers, [], url=url)


def test_json_that_the_peer_accepts_is_accepted_and_every_mutation_refused() -> None:
    """Both hashes, or SHA-1 alone where nothing stronger was sent."""
    chance = random.Random(13)  # noqa: S311 - the same requests in every run
    for _ in range(count("signed JSON bodies", small=60, full=1000)):
        body = json.dumps(dict(pairs(chance)), ensure_ascii=chance.random() < 0.5).encode()
        headers = json_signed(body)
        assert validate_webhook_signature(KEY, headers[SHA1], URL, body.decode())
        assert validate_webhook_signature_sha256(KEY, headers[SHA256], URL, body.decode())
        weaker = {name: value for name, value in headers.items() if name != SHA256}
        at = chance.randrange(len(body))
        changed = body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]
        for sent in (headers, weaker):
            name = SHA256 if SHA256 in sent else SHA1
            for credentials in ([CREDENTIALS], [OTHER, CREDENTIALS], [CREDENTIALS, OTHER]):
                accepted(body, sent, credentials)
            refused(changed, sent)
            refused(body + b" ", sent)
            refused(body, sent, url=flipped(URL, chance))
            refused(body, sent | {name: flipped(sent[name], chance)})
            refused(body, sent, [OTHER])
            refused(body, sent, [])


def test_the_stronger_signature_counts_alone_for_json() -> None:
    """A good SHA-1 does not mend a bad SHA-256, and the two are not each other's."""
    body = b'{"a": 1}'
    headers = json_signed(body)
    accepted(body, headers | {SHA1: "0" * 40})
    refused(body, headers | {SHA256: "0" * 64})
    refused(body, headers | {SHA256: ""})
    refused(body, headers | {SHA256: headers[SHA1]})
    refused(body, JSON | {SHA1: headers[SHA256]})
    refused(body, headers | {SHA256: headers[SHA256].upper()})


def test_a_form_may_be_proven_over_its_raw_body() -> None:
    """That covers every byte of it, with either hash."""
    body = encode(load("recording_completed"))
    text = URL + body.decode()
    accepted(body, {SHA1: _hex_hmac_sha1(KEY, text)})
    accepted(body, {SHA256: _hex_hmac_sha256(KEY, text)})
    accepted(body, form_signed(body) | {SHA256: "sent beside it"})


def test_a_signature_over_the_url_alone_proves_no_form() -> None:
    """The peer accepts it, with any parameters; the vault does not."""
    body = encode(load("recording_completed"))
    url_alone = _b64_hmac_sha1(KEY, URL)
    assert validate_webhook_signature(KEY, url_alone, URL, body.decode())
    refused(body, {SHA1: url_alone})
    refused(body, JSON | {SHA1: url_alone})
    refused(b"%", {SHA1: url_alone})
    accepted(b"", {SHA1: url_alone})


def test_json_may_be_proven_by_its_hash_in_the_url() -> None:
    """As Twilio does it, and only with the hash of this body."""
    body = b'{"a": 1}'
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = JSON | {SHA1: _b64_hmac_sha1(KEY, url)}
    accepted(body, headers, url=url)
    refused(b'{"a": 2}', headers, url=url)


def test_repeated_fields_are_signed_in_either_way() -> None:
    """As the SDK does it, each as it was sent; or as Twilio does it, each value once and sorted."""
    body = b"b=2&a=&b=1&b=2"
    accepted(body, form_signed(body))
    digest = hmac.digest(KEY.encode(), (URL + "ab1b2").encode(), "sha1")
    accepted(body, {SHA1: base64.b64encode(digest).decode()})


def test_no_secret_proves_nothing() -> None:
    """Neither an empty list, nor an empty secret, nor the dummy that stands in for them."""
    body = b"A=1"
    for key in ("", DUMMY_KEY.decode()):
        for credentials in ([], [{}], [{"signing_key": ""}]):
            refused(body, form_signed(body, key=key), credentials)
            refused(body, json_signed(body, key=key), credentials)


def test_a_get_is_proven_by_its_url() -> None:
    """Its parameters stand in the query."""
    url = URL + "?CallSid=a&CallStatus=ringing"
    get = replace(delivery(b"", {SHA1: _b64_hmac_sha1(KEY, url)}, url=url), method="GET")
    PROVIDER.authenticate(get, [CREDENTIALS])
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(replace(get, url=url + "&To=x"), [CREDENTIALS])


TEXTS = st.text(max_size=60)


@given(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from([SHA1, SHA256, ALIAS, "content-type"]), TEXTS),
    TEXTS,
    st.sampled_from(["GET", "POST", ""]),
    st.sampled_from([[], [CREDENTIALS]]),
)
def test_whatever_is_sent_is_not_authentic(body, headers, rest, method, credentials) -> None:
    """Any bytes, any headers, any URL: refused, and never anything else."""
    sent = replace(delivery(body, headers, url=URL + rest), method=method)
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(sent, credentials)
