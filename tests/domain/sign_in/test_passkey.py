"""What the vault takes from an authenticator, and every answer that it refuses."""

import json
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.software_authenticator import BE, BS, UP, UV, SoftwareAuthenticator, cbor
from vault.domain.sign_in.challenge import LIFE, Purpose, check_challenge, new_challenge
from vault.domain.sign_in.passkey import (
    check_assertion,
    check_counter,
    check_registration,
    read_assertion,
)
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.relying_party import RelyingParty
from vault.errors import Invalid

SITE = RelyingParty.of("http://127.0.0.1:8000")
CHALLENGE = secrets.token_bytes(56)
KEY, NOW = bytes(32), datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("algorithm", [-7, -257])
def test_it_takes_what_a_device_makes_and_signs(algorithm: int):
    """The challenge comes back as it was sent."""
    device = SoftwareAuthenticator(algorithm=algorithm, flags=UP | UV | BE | BS, count=5)
    made = check_registration(device.make(CHALLENGE), SITE)
    assert (made.credential_id, made.challenge) == (device.credential_id, CHALLENGE)
    assert (made.sign_count, made.is_backed_up) == (5, True)
    assertion = read_assertion(device.use(CHALLENGE, handle=b"h"))
    assert (assertion.credential_id, assertion.user_handle) == (device.credential_id, b"h")
    used = check_assertion(assertion, made.public_key, SITE)
    assert (used.sign_count, assertion.challenge) == (6, CHALLENGE)


WRONG = {
    "another origin": ({"origin": "http://localhost:8001"}, "origin"),
    "the page under its number": ({"origin": "http://127.0.0.1:8000"}, "origin"),
    "in a frame of another site": ({"client": {"crossOrigin": True}}, "origin"),
    "in a frame, by its top": ({"client": {"topOrigin": "https://evil.example"}}, "origin"),
    "cross-origin as a text": ({"client": {"crossOrigin": "no"}}, "origin"),
    "another site": ({"domain": "evil.example"}, "passkey_domain"),
    "nobody was there": ({"flags": UV}, "not_verified"),
    "nobody was verified": ({"flags": UP}, "not_verified"),
    "backed up, but not eligible": ({"flags": UP | UV | BS}, "passkey_form"),
}


@pytest.mark.parametrize(("wrong", "code"), WRONG.values(), ids=WRONG)
def test_it_refuses_a_wrong_answer(wrong: dict[str, object], code: str):
    """Of a device that makes a passkey, and of one that signs with it."""
    device = SoftwareAuthenticator()
    made = check_registration(device.make(CHALLENGE), SITE)
    for name, value in wrong.items():
        setattr(device, name, value)
    with pytest.raises(SignInRefused) as refused:
        check_registration(device.make(CHALLENGE), SITE)
    assert refused.value.failed == code
    with pytest.raises(SignInRefused) as refused:
        check_assertion(read_assertion(device.use(CHALLENGE)), made.public_key, SITE)
    assert refused.value.failed == code


def test_an_answer_of_one_kind_is_none_of_the_other():
    """A registration cannot stand for a sign-in, nor the other way round."""
    device = SoftwareAuthenticator(client={"type": "webauthn.get"})
    with pytest.raises(SignInRefused, match="something else"):
        check_registration(device.make(CHALLENGE), SITE)
    made = SoftwareAuthenticator()
    key = check_registration(made.make(CHALLENGE), SITE).public_key
    made.client = {"type": "webauthn.create"}
    with pytest.raises(SignInRefused, match="something else"):
        check_assertion(read_assertion(made.use(CHALLENGE)), key, SITE)


@pytest.mark.parametrize("algorithm", [-7, -257])
def test_the_signature_of_another_device_is_refused_like_an_unknown_one(algorithm: int):
    """Whoever tries learns nothing about passkeys that exist."""
    key = check_registration(SoftwareAuthenticator(algorithm=algorithm).make(CHALLENGE), SITE).public_key
    other = read_assertion(SoftwareAuthenticator(algorithm=algorithm).use(CHALLENGE))
    with pytest.raises(SignInRefused) as refused:
        check_assertion(other, key, SITE)
    assert refused.value.failed == "signature"
    assert str(refused.value) == str(SignInRefused("passkey"))


P256 = {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}
KEYS = {
    "Ed25519": ({1: 1, 3: -8, -1: 6, -2: bytes(32)}, "algorithm"),
    "no algorithm": ({1: 2}, "passkey_form"),
    "another curve": (P256 | {-1: 2}, "key"),
    "a point that is not on the curve": (P256, "key"),
    "RSA of 1,024 bits": ({1: 3, 3: -257, -1: b"\xff" * 128, -2: b"\x01\x00\x01"}, "key"),
    "RSA of 1,024 bits with zeros": (
        {1: 3, 3: -257, -1: bytes(200) + b"\xff" * 128, -2: b"\x01\x00\x01"},
        "key",
    ),
    "RSA of 32,768 bits": ({1: 3, 3: -257, -1: b"\xff" * 4096, -2: b"\x01\x00\x01"}, "key"),
    "RSA with a long exponent": ({1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\xff" * 256}, "key"),
    "RSA without numbers": ({1: 3, 3: -257}, "passkey_form"),
    "RSA with texts": ({1: 3, 3: -257, -1: "n", -2: "e"}, "passkey_form"),
}


@pytest.mark.parametrize(("key", "code"), KEYS.values(), ids=KEYS)
def test_it_refuses_keys_that_it_does_not_trust(key: dict[int, object], code: str):
    """Each with its code, and none of them as a fault."""
    with pytest.raises(SignInRefused) as refused:
        check_registration(SoftwareAuthenticator().make(CHALLENGE, cose=cbor(key)), SITE)
    assert refused.value.failed == code


@pytest.mark.parametrize("size", [0, 1024])
def test_it_refuses_ids_that_are_empty_or_too_long(size: int):
    """1,023 bytes are the longest."""
    longest = SoftwareAuthenticator(credential_id=bytes(1023))
    assert check_registration(longest.make(CHALLENGE), SITE).credential_id == bytes(1023)
    with pytest.raises(SignInRefused, match="cannot be read"):
        check_registration(SoftwareAuthenticator(credential_id=bytes(size)).make(CHALLENGE), SITE)


#: Nested arrays, a length that is not there, a map that does not end, and whatever is no CBOR.
HOSTILE = [
    b"\x81" * 20_000,
    b"\x5b" + b"\xff" * 8,
    b"\xbf",
    b"\xa1" * 9000,
    b"",
    b"\xff",
    b"\xfb",
    b"\xa1\x00",
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bytes_are_refused(data: bytes):
    """As the attestation, as the key, and as what an authenticator says."""
    device = SoftwareAuthenticator()
    answer = json.loads(device.make(CHALLENGE))
    answer["response"]["attestationObject"] = data.hex()[: len(data) // 4 * 4]
    for text in (json.dumps(answer), device.make(CHALLENGE, cose=data)):
        with pytest.raises(SignInRefused):
            check_registration(text, SITE)
    made = check_registration(device.make(CHALLENGE), SITE)
    assertion = read_assertion(device.use(CHALLENGE))
    with pytest.raises(SignInRefused):
        check_assertion(assertion, data, SITE)
    object.__setattr__(assertion, "authenticator_data", data[:37])
    with pytest.raises(SignInRefused):
        check_assertion(assertion, made.public_key, SITE)


FORMS = ["", "null", "[]", "{}", "1", '"x"', "[" * 30_000, '{"type": "public-key"}', " " * 40_000,
         '{"type": "public-key", "rawId": 1, "response": []}',
         '{"type": "public-key", "rawId": "YQ", "response": {"clientDataJSON": "bnVsbA"}}',
         '{"type": "public-key", "rawId": "YQ==", "response": {}}']  # fmt: skip


@pytest.mark.parametrize("text", FORMS, ids=range(len(FORMS)))
def test_what_no_browser_sends_is_refused(text: str):
    """Whatever it is."""
    for read in (read_assertion, lambda one: check_registration(one, SITE)):
        with pytest.raises(SignInRefused, match="cannot be read"):
            read(text)


def test_a_counter_counts_up_or_is_always_zero():
    """Once it has counted, it must not stand still nor go back."""
    for before, now in ((0, 0), (0, 1), (7, 8), (7, 4_294_967_295)):
        check_counter(before, now)
    for before, now in ((1, 1), (7, 6), (7, 0)):
        with pytest.raises(SignInRefused, match="counter"):
            check_counter(before, now)


PURPOSES: tuple[Purpose, ...] = ("sign_in", "invitation", "add", "verify")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_challenge_is_for_one_purpose_in_one_browser_for_five_minutes(purpose: Purpose):
    """And nobody without the key makes one, nor moves its end."""
    made = new_challenge(KEY, purpose, "cookie", NOW)
    assert check_challenge(KEY, made, purpose, "cookie", NOW + LIFE - timedelta(seconds=1)) == NOW + LIFE
    wrong = [(one, "cookie", NOW, made, KEY) for one in PURPOSES if one != purpose]
    wrong += [
        (purpose, "another", NOW, made, KEY),
        (purpose, "cookie", NOW + LIFE, made, KEY),
        (purpose, "cookie", NOW, made[:-1], KEY),
        (purpose, "cookie", NOW, b"", KEY),
        (purpose, "cookie", NOW, made, b"another key"),
        (purpose, "cookie", NOW, made[:16] + bytes([made[16] ^ 1]) + made[17:], KEY),
    ]
    for other, bound_to, now, challenge, key in wrong:
        with pytest.raises(SignInRefused, match="took too long"):
            check_challenge(key, challenge, other, bound_to, now)


def test_the_site_is_a_name_and_not_another_one():
    """Of the public URL's host, or of a domain above it; browsers know no numbers."""
    assert RelyingParty.of("http://127.0.0.1:8000") == RelyingParty(
        domain="localhost", origin="http://localhost:8000"
    )
    assert RelyingParty.of("https://Eu.Vault.example:443", "vault.example") == RelyingParty(
        domain="vault.example", origin="https://eu.vault.example"
    )
    for wrong in ("ault.example", "evil.example", "eu.vault.example.org"):
        with pytest.raises(Invalid):
            RelyingParty.of("https://eu.vault.example", wrong)
