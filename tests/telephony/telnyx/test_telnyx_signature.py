"""Ed25519 over timestamp and body, against PyNaCl, with which the vendor's SDK verifies."""

import base64
import hashlib
import os
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tests.telephony.replies import check_named_credentials
from tests.telephony.telnyx.recorded import (
    CREDENTIALS,
    NOW,
    OTHER,
    PROVIDER,
    SIGNER,
    delivery,
    public,
    signed,
)
from vault.errors import Invalid, NotAuthentic
from vault.telephony.signatures.ed25519 import DUMMY_KEY

#: Generated requests.
COUNT = 1000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 50
TIMESTAMP, SIGNATURE = "telnyx-timestamp", "telnyx-signature-ed25519"
OTHERS = CREDENTIALS | {"public_key": public(OTHER)}
#: The order of the base point: adding it to S gives a second signature that lax verifiers take (RFC 8032, 5.1.7).
ORDER = 2**252 + 27742317777372353535851937790883648493
BODY = b'{"data":{"event_type":"call.answered"}}'


def refused(body: bytes, headers: dict[str, str], credentials=(CREDENTIALS,), *, at=NOW) -> None:
    with pytest.raises(NotAuthentic) as error:
        PROVIDER.authenticate(delivery(body, headers, at=at), credentials)
    assert str(error.value) == "The delivery is not signed with this connection's key."


def flipped(raw: bytes, chance: random.Random) -> bytes:
    made = bytearray(raw)
    made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def test_what_the_peer_signs_is_accepted_and_every_mutation_of_it_refused() -> None:
    """Body, timestamp, signature, key: one bit, one second, one byte more or less."""
    chance = random.Random(5)  # noqa: S311 - the same requests in every run
    for _ in range(COUNT):
        body = chance.randbytes(chance.randrange(1, 3000))
        sent = NOW + timedelta(seconds=chance.randrange(-300, 301))
        headers = signed(body, at=sent)
        for credentials in ([CREDENTIALS], [OTHERS, CREDENTIALS], [CREDENTIALS, OTHERS]):
            PROVIDER.authenticate(delivery(body, headers), credentials)
        changed = flipped(body, chance)
        signature = base64.b64decode(headers[SIGNATURE])
        with pytest.raises(BadSignatureError):
            SIGNER.verify_key.verify(headers[TIMESTAMP].encode() + b"|" + changed, signature)
        refused(changed, headers)
        refused(body + b"\n", headers)
        refused(body[:-1], headers)
        refused(body, headers, [OTHERS])
        refused(body, headers, [])
        refused(body, headers, [{}])
        refused(body, signed(body, signer=OTHER, at=sent))
        refused(body, headers | {SIGNATURE: base64.b64encode(flipped(signature, chance)).decode()})
        refused(body, headers | {TIMESTAMP: str(int(headers[TIMESTAMP]) + chance.choice((-1, 1)))})
        for name in headers:
            refused(body, {key: value for key, value in headers.items() if key != name})
    print(f"{COUNT} requests signed by the peer")


def test_a_flip_of_any_bit_of_a_header_is_refused() -> None:
    """No character can be another one, the last ones of base64 included."""
    headers = signed(BODY)
    for name, value in headers.items():
        for position, character in enumerate(value):
            for bit in range(8):
                changed = value[:position] + chr(ord(character) ^ 1 << bit) + value[position + 1 :]
                refused(BODY, headers | {name: changed})


def test_a_signature_has_one_spelling() -> None:
    """Other base64, joined headers and the second solution of the equation are refused."""
    headers = signed(BODY)
    text = headers[SIGNATURE]
    raw = base64.b64decode(text)
    second = int.from_bytes(raw[32:], "little") + ORDER
    malleable = base64.b64encode(raw[:32] + second.to_bytes(32, "little")).decode()
    urlsafe = base64.urlsafe_b64encode(raw).decode()
    spellings = [text.rstrip("="), text + "=", text + "\n", " " + text, f"{text},{text}", malleable, ""]
    for spelling in [*spellings, *([urlsafe] if urlsafe != text else []), "é" * 88]:
        refused(BODY, headers | {SIGNATURE: spelling})


@pytest.mark.parametrize(
    ("seconds", "fresh"), [(-301, False), (-300, True), (300, True), (300.5, False), (9e8, False)]
)
def test_only_five_minutes_of_clock_difference_are_accepted(seconds: float, *, fresh: bool) -> None:
    """The bounds belong to the window; outside of it a good signature is worth nothing."""
    at = NOW + timedelta(seconds=seconds)
    if fresh:
        PROVIDER.authenticate(delivery(BODY, signed(BODY), at=at), [CREDENTIALS])
    else:
        refused(BODY, signed(BODY), at=at)


@pytest.mark.parametrize(
    "shape", ["{}.0", " {}", "+{}", "0{}", "{}\n", "-{}", "", "nan", "1e9", "9999999999999"]
)
def test_a_timestamp_that_is_not_a_plain_integer_is_refused(shape: str) -> None:
    """Even one that is signed."""
    timestamp = shape.format(int(NOW.timestamp()))
    signature = SIGNER.sign(timestamp.encode() + b"|" + BODY).signature
    refused(BODY, {TIMESTAMP: timestamp, SIGNATURE: base64.b64encode(signature).decode()})


def test_what_the_dummy_key_accepts_proves_nothing() -> None:
    """Everybody knows the base point's private scalar, which is one: S is the nonce plus the challenge."""
    timestamp = str(int(NOW.timestamp())).encode()
    nonce = (5).to_bytes(32, "little")
    point = crypto_scalarmult_ed25519_base_noclamp(nonce)
    challenge = hashlib.sha512(point + DUMMY_KEY + timestamp + b"|" + BODY).digest()
    answer = (5 + int.from_bytes(challenge, "little")) % ORDER
    signature = point + answer.to_bytes(32, "little")
    VerifyKey(DUMMY_KEY).verify(timestamp + b"|" + BODY, signature)
    headers = {TIMESTAMP: timestamp.decode(), SIGNATURE: base64.b64encode(signature).decode()}
    for credentials in ([], [{}], [{"public_key": "not a key"}], [CREDENTIALS]):
        refused(BODY, headers, credentials)


names = st.sampled_from([TIMESTAMP, SIGNATURE]) | st.text()
fields = st.sampled_from(["public_key", "api_key"])


@given(
    body=st.binary(),
    headers=st.dictionaries(names, st.text() | st.just(str(int(NOW.timestamp())))),
    credentials=st.lists(st.dictionaries(fields, st.text() | st.just(public(OTHER)))),
)
def test_arbitrary_deliveries_are_not_authentic_and_nothing_worse(
    body: bytes, headers: dict[str, str], credentials: list[dict[str, str]]
) -> None:
    """Whatever comes, it is NotAuthentic, and understood or Invalid."""
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(delivery(body, headers), credentials)
    with pytest.raises(Invalid):
        PROVIDER.understand(delivery(body, headers))


def test_credentials_are_a_public_key_and_an_api_key() -> None:
    """A missing, malformed or surplus one is named and not repeated."""
    wrong = (
        ({"public_key": ""}, "public_key"),
        ({"public_key": "hunter2"}, "public_key"),
        ({"public_key": CREDENTIALS["public_key"].rstrip("=")}, "public_key"),
        ({"public_key": base64.b64encode(bytes(31)).decode()}, "public_key"),
        ({"api_key": "hunter2 x"}, "api_key"),
        ({"token": "hunter2"}, "credentials"),
    )
    check_named_credentials(PROVIDER, CREDENTIALS, wrong)
