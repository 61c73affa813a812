"""Standard Webhooks signatures, against the published library as a peer and against every mutation."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import Invalid, NotAuthentic
from vault.telephony.signatures.standard_webhooks import secret_bytes, sign, verify

pytestmark = pytest.mark.faults

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
UNRELATED = "whsec_" + base64.b64encode(bytes(range(2, 34))).decode()
BODY = b'{"type":"call.started"}'
ID = "msg_2Kc3"
#: A moment that never changes: tests are named after what is signed at it.
NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def signed(body: bytes = BODY, *, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    return sign(secret, delivery_id=ID, sent_at=at, body=body)


def refused(headers: dict[str, str], *, body: bytes = BODY, secrets=(SECRET,), at: datetime = NOW) -> None:
    """Assert that it is refused, in words that are the same with any secret and with none."""
    said = set()
    for known in (secrets, (), (UNRELATED,)):
        with pytest.raises(NotAuthentic) as error:
            verify(known, headers=headers, body=body, received_at=at)
        said.add(str(error.value))
    assert len(said) == 1


def test_what_we_sign_the_published_library_accepts() -> None:
    """The peer verifies our headers with the same secret."""
    standardwebhooks.Webhook(SECRET).verify(BODY, signed(at=datetime.now(UTC)))


def test_what_the_published_library_signs_we_accept() -> None:
    """We verify the peer's signature, for a body that is not ASCII too."""
    body = '{"agent":"Zoë"}'
    signature = standardwebhooks.Webhook(SECRET).sign(ID, NOW, body)
    headers = {
        "webhook-id": ID,
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": signature,
    }
    verify([SECRET], headers=headers, body=body.encode(), received_at=NOW)


def test_a_body_that_is_not_utf8_is_signed_like_any_other() -> None:
    """Bytes are compared, not text."""
    body = b"\xff\xfe\x00"
    verify([SECRET], headers=signed(body), body=body, received_at=NOW)


@pytest.mark.parametrize("secrets", [(SECRET, OTHER), (OTHER, SECRET)])
def test_both_secrets_count_while_one_replaces_the_other(secrets: tuple[str, str]) -> None:
    """The current and the previous secret are accepted, in whichever order they stand."""
    verify(secrets, headers=signed(), body=BODY, received_at=NOW)


def test_one_of_several_signatures_is_enough() -> None:
    """A sender that rotates signs with both secrets; versions that are not known are passed over."""
    headers = signed()
    several = [signed(secret=OTHER)["webhook-signature"], "v1a,AAAA", headers["webhook-signature"]]
    verify([SECRET], headers=headers | {"webhook-signature": " ".join(several)}, body=BODY, received_at=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_flip_of_any_bit_of_any_header_is_refused(name: str) -> None:
    """No character of a header can be another one, in any of its bits."""
    headers = signed()
    for position, character in enumerate(headers[name]):
        for bit in range(8):
            flipped = chr(ord(character) ^ 1 << bit)
            value = headers[name][:position] + flipped + headers[name][position + 1 :]
            refused(headers | {name: value})


def test_a_flip_of_any_bit_of_the_body_is_refused() -> None:
    """No bit of the body can be another one, and nothing can be added or cut."""
    headers = signed()
    for position in range(len(BODY)):
        for bit in range(8):
            flipped = bytearray(BODY)
            flipped[position] ^= 1 << bit
            refused(headers, body=bytes(flipped))
    refused(headers, body=BODY + b" ")
    refused(headers, body=BODY[:-1])
    refused(headers, body=b"")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    """All three headers are needed."""
    headers = signed()
    del headers[name]
    refused(headers)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_of_clock_difference_are_accepted(seconds: int) -> None:
    """The bounds of the window belong to it."""
    verify([SECRET], headers=signed(), body=BODY, received_at=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, -300.5, 300.5, 301, 86400 * 400])
def test_stale_and_future_deliveries_are_refused(seconds: float) -> None:
    """Outside the window a good signature is worth nothing."""
    refused(signed(), at=NOW + timedelta(seconds=seconds))


def _timestamps() -> list[str]:
    second = str(int(NOW.timestamp()))
    fullwidth = second[0] + second[1:].translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    return [
        second + ".0",
        " " + second,
        "+" + second,
        "0" + second,
        second + "\n",
        fullwidth,
        "",
        "nan",
        "1e9",
    ]


@pytest.mark.parametrize("timestamp", _timestamps())
def test_a_timestamp_that_is_not_a_plain_integer_is_refused(timestamp: str) -> None:
    """Even one that is signed."""
    import hashlib  # noqa: PLC0415 - only this test signs by hand
    import hmac  # noqa: PLC0415

    text = f"{ID}.{timestamp}.".encode() + BODY
    signature = base64.b64encode(hmac.digest(secret_bytes(SECRET), text, hashlib.sha256)).decode()
    refused({"webhook-id": ID, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"})


@pytest.mark.parametrize("delivery_id", ["", "a.b", "a b", "ä", "a" * 257, "a\n", "\x7f"])
def test_an_id_that_could_be_read_two_ways_is_refused(delivery_id: str) -> None:
    """An id has no dot, no space, no control character and at most 256 characters; we do not sign others."""
    refused(signed() | {"webhook-id": delivery_id})
    with pytest.raises(Invalid):
        sign(SECRET, delivery_id=delivery_id, sent_at=NOW, body=BODY)


def test_a_dot_cannot_move_from_the_id_into_the_timestamp() -> None:
    """The id ``a.1`` at time t is not the id ``a`` at time ``1.t``."""
    second = str(int(NOW.timestamp()))
    body = second.encode() + b"." + BODY
    headers = sign(SECRET, delivery_id=ID, sent_at=NOW, body=body)
    refused(headers | {"webhook-id": f"{ID}.{second}"}, body=BODY)


def _spoilt() -> list[str]:
    good = signed()["webhook-signature"]
    code = good.removeprefix("v1,")
    return [
        "",
        " ",
        code,
        good.replace(",", ""),
        "v1," + code.rstrip("="),
        "v1," + code[:-4],
        "v1,!!!!",
        "v1,",
        "v2," + code,
        "v1a," + code,
        f"{good},{good}",
        f"{good}, {good}",
        f"v1,AAAA,{good}",
        f"v1,AAAA, {good}",
        f"{good}  {good}",
        f"{good} ",
        good + "\n",
        f"{good} ü",
        " ".join([good] * 17),
        "v1," + "A" * 100_000,
    ]


@pytest.mark.parametrize("signature", _spoilt())
def test_a_malformed_signature_header_is_refused(signature: str) -> None:
    """No comma, bad base64, repeated headers joined by a comma, too many, other versions: all the same."""
    refused(signed() | {"webhook-signature": signature})


@pytest.mark.parametrize("secrets", [(), (OTHER,), ("",), ("whsec_",), ("whsec_ü",), (OTHER, "")])
def test_without_the_right_secret_nothing_is_proven(secrets: tuple[str, ...]) -> None:
    """No secret, a foreign one and a broken one are refused in the same words."""
    refused(signed(), secrets=secrets)


def test_the_dummy_key_proves_nothing() -> None:
    """What is signed with the key that stands in for no secret is refused too."""
    dummy = "whsec_" + base64.b64encode(bytes(32)).decode()
    refused(signed(secret=dummy), secrets=())


@pytest.mark.parametrize("size", [24, 25, 26, 32, 64])
def test_secrets_of_the_specified_sizes_are_taken(size: int) -> None:
    """24 to 64 bytes, with the padding of base64 or without it."""
    encoded = base64.b64encode(bytes(size)).decode()
    assert secret_bytes("whsec_" + encoded) == bytes(size)
    assert secret_bytes("whsec_" + encoded.rstrip("=")) == bytes(size)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_????????????????????????????????",
        "whsec_ÄÄÄÄ",
    ],
)
def test_other_secrets_are_invalid_and_not_repeated(secret: str) -> None:
    """The error names the field, and nothing of the secret."""
    with pytest.raises(Invalid) as error:
        secret_bytes(secret)
    assert error.value.field == "secret"
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(error.value)


@given(
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        st.one_of(st.text(), st.just(str(int(NOW.timestamp()))), st.just("v1,AAAA")),
    ),
    body=st.binary(),
    secrets=st.lists(st.one_of(st.text(), st.just(SECRET)), max_size=3),
)
def test_verifying_raises_nothing_else(headers: dict[str, str], body: bytes, secrets: list[str]) -> None:
    """Whatever comes, it is NotAuthentic."""
    with pytest.raises(NotAuthentic):
        verify(secrets, headers=headers, body=body, received_at=NOW)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"webhook-id": "a" * 257}, "webhook-id must have 1 to 256 characters"),
        ({"webhook-id": ""}, "webhook-id must have"),
        ({"webhook-timestamp": str(int(NOW.timestamp()) - 310)}, "310 seconds behind the vault's clock"),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 310)}, "310 seconds ahead of the vault's clock"),
        ({"webhook-timestamp": str(int(NOW.timestamp() * 1000))}, "looks like milliseconds"),
        ({"webhook-timestamp": NOW.isoformat()}, "seconds since 1970"),
        ({"webhook-signature": "v1,AAAA"}, "not signed with this connection's secret"),
    ],
)
def test_what_is_wrong_besides_the_signature_is_said(headers: dict[str, str], said: str) -> None:
    """A clock that is off is not reported as a wrong secret, with a right signature and with a wrong one."""
    with pytest.raises(NotAuthentic, match=said):
        verify([SECRET], headers=signed() | headers, body=BODY, received_at=NOW)
    refused(signed() | headers)
