"""Tokens that customers sign: what is read, and everything that is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.link_minter import Minter, base64url
from vault.domain.playback.link_key import (
    LinkKey,
    check_limits,
    checked_key,
    is_weak,
    link_of,
    load_key,
    read_public_key,
    verifies,
)
from vault.domain.playback.signed_token import MAX_TOKEN, BadToken, Permission, read_claims, read_form
from vault.errors import Invalid

RECORDING = "rec_" + "ab" * 16
NOW = datetime.now(UTC)
STAMP = int(NOW.timestamp())
ED, EC = Minter(), Minter.es256()
BOTH = pytest.mark.parametrize("minter", [ED, EC], ids=["Ed25519", "ES256"])


def key_of(minter: Minter, **changed: Any) -> LinkKey:
    """Return the key as it is registered."""
    values: dict[str, Any] = {
        "id": minter.key_id, "account_id": "acct_1", "name": "crm", "algorithm": minter.algorithm,
        "public_key": read_public_key(minter.pem, minter.algorithm), "max_life": 900, "max_sessions": 5,
        "kinds": ("player",), "networks": (), "download": False, "not_after": None, "created_at": NOW,
        "created_by": "key_1",
    }  # fmt: skip
    return LinkKey(**values | changed)


def read(token: str, minter: Minter = ED) -> Permission:
    """Read a token as the gate does."""
    text = read_form(token)
    checked_key(key_of(minter)).check(text.algorithm, text.signed, text.signature)
    return read_claims(text, audiences=[minter.audience], now=datetime.now(UTC))


def reason(token: str, minter: Minter = ED) -> str:
    """Return why a token is refused; empty if it is not."""
    try:
        read(token, minter)
    except BadToken as error:
        return error.reason
    return ""


@BOTH
def test_a_good_token_says_what_it_allows(minter: Minter):
    """Every claim is read; both names of the algorithm of an Ed25519 key are taken."""
    token = minter.token(
        RECORDING, lsn="agent-7", n=2, knd="player", net=["192.0.2.0/24", "2001:db8::/32"], dl=True
    )
    found = read(token, minter)
    assert (found.recording_id, found.listener, found.sessions, found.kind) == (
        RECORDING,
        "agent-7",
        2,
        "player",
    )
    assert found.networks == ("192.0.2.0/24", "2001:db8::/32")
    assert found.download
    assert found.expires_at - found.minted_at == timedelta(minutes=10)
    for name in ("EdDSA", "Ed25519"):
        header = {"alg": name, "kid": minter.key_id, "typ": "vault-link+jwt"}
        wanted = "" if minter is ED else "algorithm"
        assert reason(minter.token_of(minter.claims(RECORDING), header), minter) == wanted


def test_the_platforms_references_name_a_recording():
    """They are percent-encoded around one slash, so that a slash in one of them is no border."""
    found = read(ED.token("", sub=None, ref="call%2F7/rec%201"))
    assert (found.recording_id, found.call_ref, found.recording_ref) == (None, "call/7", "rec 1")
    for wrong in ("call", "a/b/c", "/b", "a/", "a/%ff", "a/%00", 7):
        assert reason(ED.token("", sub=None, ref=wrong)) == "claims", wrong
    assert reason(ED.token(RECORDING, ref="a/b")) == "claims"
    assert reason(ED.token("", sub=None)) == "claims"


@BOTH
def test_every_changed_bit_and_character_is_refused(minter: Minter):
    """Also one that is only another spelling of the same bytes."""
    token = minter.token(RECORDING)
    for place, one in enumerate(token):
        for other in {chr(ord(one) ^ 1), "A" if one != "A" else "B", "=", ".", "\n", "+"} - {one}:
            assert reason(token[:place] + other + token[place + 1 :], minter), (place, other)


def test_other_spellings_are_refused():
    """Padding, spare bits, line breaks, white space around, a fourth part."""
    head, payload, signature = ED.token(RECORDING).split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = signature[:-1] + last[last.index(signature[-1]) + 1]
    assert base64.urlsafe_b64decode(spare + "==") == base64.urlsafe_b64decode(signature + "==")
    for wrong in (
        f"{head}.{payload}.{spare}", f"{head}.{payload}.{signature}==", f"{head}=.{payload}.{signature}",
        f"{head}.{payload}.{signature}\n", f" {head}.{payload}.{signature}", f"{head}.{payload}.{signature}.",
        f"{head}.{payload}", f"{head}..{signature}", f"..{signature}", "", "...", "é", f"{head}.{payload}.",
    ):  # fmt: skip
        assert reason(wrong) == "malformed", wrong


def test_the_header_is_exactly_what_it_may_be():
    """No member more, none twice, no other type, and no algorithm of the sender's choice."""
    claims = ED.claims(RECORDING)
    good = {"alg": "EdDSA", "kid": ED.key_id}
    for changed in (
        {"crit": ["exp"]}, {"jku": "https://evil.example"}, {"jwk": {}}, {"b64": False}, {"typ": "JWT"}, {"x5c": []},
        {"kid": 7}, {"kid": "lkey_x"}, {"alg": None}, {"kid": None}, {"kid": ["lkey_" + "0" * 32]},
    ):  # fmt: skip
        assert reason(ED.token_of(claims, good | changed)) == "malformed", changed
    assert reason(ED.token_of(claims, {"alg": "EdDSA"})) == "malformed"
    assert (
        reason(ED.token_of(claims, b'{"alg":"EdDSA","alg":"EdDSA","kid":"%s"}' % ED.key_id.encode()))
        == "malformed"
    )
    for name in ("none", "None", "HS256", "ES256", "RS256", "eddsa", ""):
        assert reason(ED.token_of(claims, good | {"alg": name})) == "algorithm", name
    for wrong in (b"[]", b"7", b"\xff", b'{"a":', b"[" * 700, b'{"alg":1e5}', b'{"alg":NaN}'):
        assert reason(ED.token_of(claims, wrong)) == "malformed", wrong


def test_times_are_whole_seconds_within_the_longest_life():
    """Milliseconds, floats, texts, truths and what lies ahead are refused; an expired one is read, checked later."""
    millis = {"iat": STAMP * 1000, "exp": STAMP * 1000 + 600_000}
    for changed, why in (
        (millis, "lifetime"), ({"exp": STAMP * 1000}, "lifetime"), ({"exp": float(STAMP + 60)}, "malformed"),
        ({"exp": str(STAMP + 60)}, "claims"), ({"exp": True}, "claims"), ({"exp": None}, "claims"),
        ({"iat": None}, "claims"), ({"iat": STAMP + 3600, "exp": STAMP + 7300}, "clock"), ({"iat": -5}, "lifetime"),
        ({"iat": STAMP, "exp": STAMP + 86_500}, "lifetime"), ({"exp": STAMP - 700, "iat": STAMP - 600}, "lifetime"),
        ({"iat": 10**15, "exp": 10**15 + 5}, "clock"), ({"iat": STAMP, "exp": STAMP}, "lifetime"),
    ):  # fmt: skip
        assert reason(ED.token(RECORDING, **changed)) == why, changed
    raw = json.dumps(ED.claims(RECORDING, exp=7777)).replace("7777", "1e30").encode()
    assert reason(ED.token_of(raw)) in {"malformed", "lifetime"}
    assert reason(ED.token(RECORDING, iat=STAMP + 30, exp=STAMP + 90)) == ""
    assert reason(ED.token(RECORDING, iat=STAMP - 900, exp=STAMP - 300)) == ""


def test_claims_are_only_those_that_are_known():
    """A required one that is missing, an unknown one, one twice, one of another type: each refuses."""
    for changed in (
        {"aud": None}, {"jti": None}, {"jti": "short"}, {"jti": "x" * 65}, {"jti": "x" * 20 + "\n"}, {"jti": 7},
        {"sub": "rec_1"}, {"sub": RECORDING + "\n"}, {"sub": ["x"]}, {"lsn": ""}, {"lsn": "x" * 65}, {"lsn": "a\nb"},
        {"lsn": 7}, {"lsn": "\ud800"}, {"n": 0}, {"n": True}, {"n": "2"}, {"n": 1001}, {"knd": "other"}, {"knd": 1},
        {"net": []}, {"net": "192.0.2.0/24"}, {"net": [7]}, {"net": ["x"]}, {"net": ["192.0.2.1/24"]},
        {"net": ["192.0.2.0/24"] * 9}, {"dl": 1}, {"dl": "true"}, {"iss": "me"}, {"nbf": STAMP}, {"admin": True},
    ):  # fmt: skip
        assert reason(ED.token(RECORDING, **changed)) == "claims", changed
    for other in ("https://test.example", ED.audience + "/", [ED.audience], ED.audience.upper(), 7):
        assert reason(ED.token(RECORDING, aud=other)) == "audience", other
    twice = json.dumps(ED.claims(RECORDING))[:-1] + f', "sub": "{RECORDING}"}}'
    assert reason(ED.token_of(twice.encode())) == "malformed"


def test_a_long_token_is_refused_before_any_work():
    """The length is the first check: what follows is bounded by it."""
    assert reason("a" * (MAX_TOKEN + 1)) == "malformed"
    assert reason("a" * 1_000_000) == "malformed"
    assert (
        len(ED.token(RECORDING, lsn="x" * 64, n=5, knd="player", net=["192.0.2.0/24"] * 8, dl=False))
        < MAX_TOKEN
    )


def test_a_key_of_another_cannot_have_signed_it():
    """Neither another customer's, nor one of the other algorithm."""
    other = Minter(key_id=ED.key_id)
    assert reason(other.token(RECORDING)) == "signature"
    assert reason(EC.token(RECORDING)) == "algorithm"
    assert reason(ED.token(RECORDING), EC) == "algorithm"
    assert not verifies(load_key("Ed25519", key_of(ED).public_key), b"x", ED.sign(b"x") + b"\0")
    assert not verifies(load_key("ES256", key_of(EC).public_key), b"x", b"\0" * 64)


#: Points of small order, canonical and not, as RFC 8032 would encode them.
WEAK = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)


@pytest.mark.parametrize("raw", WEAK)
def test_weak_keys_are_refused(raw: str):
    """Cryptography takes them, and under some one signature is good for every message."""
    assert is_weak(bytes.fromhex(raw))
    der = bytes.fromhex("302a300506032b6570032100" + raw)
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
    with pytest.raises(Invalid) as raised:
        read_public_key(pem, "Ed25519")
    assert raised.value.field == "public_key"


def test_a_weak_key_would_let_anybody_in():
    """The reason for the list: one constant signature is good for every message."""
    key = load_key("Ed25519", bytes.fromhex(WEAK[0]))
    constant = bytes.fromhex(WEAK[0]) + b"\0" * 32
    assert all(verifies(key, str(n).encode(), constant) for n in range(64))


def test_public_keys_are_read_strictly():
    """Another algorithm, another curve, a private key, DER, and rubbish name the field."""
    for pem, algorithm in (
        (EC.pem, "Ed25519"), (ED.pem, "ES256"), ("", "Ed25519"), ("rubbish", "Ed25519"), ("é", "ES256"),
        (ED.pem.replace("PUBLIC", "PRIVATE"), "Ed25519"), (ED.pem[:60], "Ed25519"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "ES256"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as raised:
            read_public_key(pem, algorithm)  # type: ignore[arg-type]
        assert raised.value.field == "public_key"
    assert not is_weak(read_public_key(ED.pem, "Ed25519"))


def test_a_permission_is_no_wider_than_its_key():
    """Life, sessions, kind, networks and download; and the key itself signs only until its end."""
    wide = key_of(ED, kinds=("player", "media"), networks=("192.0.2.0/24",), download=True)

    def refused(key: LinkKey, **claims: Any) -> str:
        try:
            check_limits(read(ED.token(RECORDING, **claims)), key, NOW)
        except BadToken as error:
            return error.reason
        return ""

    assert refused(key_of(ED)) == ""
    assert refused(wide, knd="media", net=["192.0.2.128/25"]) == ""
    assert refused(wide, dl=True) == ""
    assert refused(key_of(ED, max_life=599)) == "lifetime"
    assert refused(key_of(ED), n=6) == "limits"
    assert refused(key_of(ED), knd="media") == "limits"
    assert refused(key_of(ED), dl=True) == "limits"
    assert refused(wide, knd="media", dl=True) == "limits"
    assert refused(wide, net=["192.0.0.0/16"]) == "limits"
    assert refused(wide, net=["192.0.2.0/25", "2001:db8::/32"]) == "limits"
    assert refused(key_of(ED, not_after=NOW)) == "unknown_key"
    assert refused(key_of(ED, deleted_at=NOW)) == "unknown_key"


def test_a_link_has_what_its_permission_narrows():
    """Without a number of sessions or networks it has those of its key; a media link has one session."""
    key = key_of(ED, networks=("192.0.2.0/24",), kinds=("player", "media"))
    plain = link_of(read(ED.token(RECORDING)), key, RECORDING, listener_term=b"")
    assert (plain.sessions, plain.networks, plain.kind, plain.created_by) == (
        5,
        ("192.0.2.0/24",),
        "player",
        key.id,
    )
    narrow = link_of(read(ED.token(RECORDING, n=1, net=["192.0.2.8/32"])), key, RECORDING, listener_term=b"")
    assert (narrow.sessions, narrow.networks) == (1, ("192.0.2.8/32",))
    assert (
        link_of(read(ED.token(RECORDING, knd="media", n=3)), key, RECORDING, listener_term=b"").sessions == 1
    )
    jti = "j" * 22
    one, two = (read(ED.token(RECORDING, jti=jti, n=n)) for n in (1, 2))
    assert one.link_id == two.link_id
    assert one.digest != two.digest
    assert base64url(one.digest) not in repr(one)
