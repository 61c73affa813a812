"""The tokens of Vonage's callbacks, against PyJWT and the vendor's verify_signature as peers."""

import base64
import hashlib
import hmac
import json
import random
from datetime import timedelta

import jwt
import pytest
import vonage_jwt
from hypothesis import given
from hypothesis import strategies as st

from tests.support.counts import count
from tests.telephony.vonage.recorded import (
    CREDENTIALS,
    KEY,
    NOW,
    OTHER_SECRET,
    OTHERS,
    PROVIDER,
    SECRET,
    URL,
    claims,
    delivery,
    pem,
    token,
)
from vault.domain.calls.provider_api import Delivery
from vault.errors import NotAuthentic
from vault.telephony.signatures.standard_webhooks import DUMMY_KEY

COUNT = count("Generated callbacks of Vonage", small=60, full=1000)
BODY = b'{"status":"started"}'


def refused(given_: Delivery, credentials=(CREDENTIALS,)) -> None:
    with pytest.raises(NotAuthentic) as error:
        PROVIDER.authenticate(given_, credentials)
    assert str(error.value) == "The delivery is not signed with this connection's secret."


def accepted(given_: Delivery) -> None:
    PROVIDER.authenticate(given_, [CREDENTIALS])


def by_hand(header: object, payload: object, key: bytes = SECRET.encode()) -> str:
    """Sign what no library would."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(key, signed, hashlib.sha256)).rstrip(b"=")
    return "Bearer " + (signed + b"." + signature).decode()


def test_what_the_peer_signs_is_accepted_and_every_mutation_of_it_refused() -> None:
    """Body, token, secret, time: one bit, one second, one byte more or less."""
    chance = random.Random(7)  # noqa: S311 - the same requests in every run
    for _ in range(COUNT):
        body = chance.randbytes(chance.randrange(1, 2000))
        iat = int(NOW.timestamp()) - chance.randrange(300)
        made = token(body, iat=iat, jti=f"{chance.getrandbits(128):x}", api_key=f"{chance.getrandbits(32):x}")
        bearer = f"Bearer {made}"
        assert vonage_jwt.verify_signature(made, SECRET)
        for credentials in ([CREDENTIALS], [OTHERS, CREDENTIALS], [CREDENTIALS, OTHERS]):
            PROVIDER.authenticate(delivery(body, bearer), credentials)
        changed = bytearray(body)
        changed[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        refused(delivery(bytes(changed), bearer))
        refused(delivery(body + b" ", bearer))
        refused(delivery(body[:-1], bearer))
        position = chance.randrange(len(made))
        flipped = made[:position] + chr(ord(made[position]) ^ 1 << chance.randrange(7)) + made[position + 1 :]
        refused(delivery(body, f"Bearer {flipped}"))
        refused(delivery(body, bearer, at=NOW + timedelta(seconds=301)))
        for credentials in ([], [{}], [OTHERS], [CREDENTIALS | {"application_id": "x"}]):
            refused(delivery(body, bearer), credentials)
        assert not vonage_jwt.verify_signature(token(body, secret=OTHER_SECRET), SECRET)
        refused(delivery(body, f"Bearer {token(body, secret=OTHER_SECRET)}"))


def test_every_character_of_a_token_counts() -> None:
    """No bit of any character can be another one, the last of a signature included."""
    made = token(BODY)
    for position, character in enumerate(made):
        for bit in range(7):
            changed = made[:position] + chr(ord(character) ^ 1 << bit) + made[position + 1 :]
            refused(delivery(BODY, f"Bearer {changed}"))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_of_clock_difference_are_accepted(seconds: int) -> None:
    """The bounds of the window belong to it."""
    accepted(delivery(BODY, f"Bearer {token(BODY)}", at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize("seconds", [-301, -300.5, 300.5, 301])
def test_stale_and_future_tokens_are_refused(seconds: float) -> None:
    """Outside the window a good signature is worth nothing."""
    refused(delivery(BODY, f"Bearer {token(BODY)}", at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": None},
        {"iat": True},
        {"iat": [1]},
        {"jti": None},
        {"jti": ""},
        {"jti": "a b"},
        {"jti": "j" * 201},
        {"iss": "Somebody"},
        {"payload_hash": None},
        {"payload_hash": 7},
        {"payload_hash": hashlib.sha256(b"").hexdigest()},
        {"payload_hash": "\u00fc"},
        {"application_id": "another"},
        {"application_id": []},
        pytest.param({"exp": int(NOW.timestamp())}, id="exp now"),
        {"exp": "never"},
        pytest.param({"nbf": int(NOW.timestamp()) + 1}, id="nbf later"),
    ],
    ids=str,
)
def test_claims_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    """Although the signature is good."""
    refused(delivery(BODY, by_hand({"alg": "HS256", "typ": "JWT"}, claims(BODY, **changes))))


@pytest.mark.parametrize(
    "changes",
    [
        {"application_id": None},
        {"iss": None},
        pytest.param({"iat": int(NOW.timestamp()) + 0.5}, id="iat in parts of a second"),
        pytest.param(
            {"exp": int(NOW.timestamp()) + 1, "nbf": int(NOW.timestamp())}, id="limits that are kept"
        ),
        {"new": {"claim": [1]}},
    ],
    ids=str,
)
def test_claims_that_are_optional_may_be_absent(changes: dict[str, object]) -> None:
    """Fractions of seconds, limits that are kept and claims that are new are fine."""
    accepted(delivery(BODY, by_hand({"alg": "HS256"}, claims(BODY, **changes))))


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": "none"},
        {"alg": "hs256"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": ["HS256"]},
        {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "HS256", "typ": None},
        {"alg": "HS256", "crit": ["b64"]},
        [],
        b'{"alg":"HS256","alg":"HS256"}',
        b'{"alg":"none"',
        b"\xff",
    ],
    ids=str,
)
def test_headers_that_do_not_fit_are_refused(header: object) -> None:
    """The algorithm is HS256 and nothing else, and the signature does not change that."""
    refused(delivery(BODY, by_hand(header, claims(BODY))))


def test_a_token_cannot_choose_its_algorithm() -> None:
    """Neither none, nor the public key as a secret, nor the application's own signature is one."""
    unsigned = jwt.encode(claims(BODY), None, algorithm="none")
    refused(delivery(BODY, f"Bearer {unsigned}"))
    refused(delivery(BODY, f"Bearer {jwt.encode(claims(BODY), pem(KEY), algorithm='RS256')}"))
    refused(delivery(BODY, f"Bearer {jwt.encode(claims(BODY), SECRET * 2, algorithm='HS512')}"))


@pytest.mark.parametrize("key", [b"", DUMMY_KEY])
def test_no_secret_is_no_secret(key: bytes) -> None:
    """What is signed with the dummy key, or with nothing, proves nothing."""
    bearer = by_hand({"alg": "HS256"}, claims(BODY, application_id=None), key)
    for credentials in ([], [{}], [{"signature_secret": ""}], [CREDENTIALS]):
        refused(delivery(BODY, bearer), credentials)


def test_the_application_is_that_of_the_secret_that_signed() -> None:
    """Another connection's application does not come in by the previous credentials."""
    previous = OTHERS | {"application_id": "previous"}
    bearer = f"Bearer {token(BODY, application_id='previous')}"
    refused(delivery(BODY, bearer), [CREDENTIALS, previous])
    bearer = f"Bearer {token(BODY, secret=OTHER_SECRET, application_id='previous')}"
    PROVIDER.authenticate(delivery(BODY, bearer), [CREDENTIALS, previous])


def test_a_get_has_no_body_to_prove() -> None:
    """Its hash is that of nothing, or absent; a body that is there is proved all the same."""
    url = f"{URL}?from=12025550100"
    for changes in ({}, {"payload_hash": None}):
        accepted(delivery(b"", f"Bearer {token(b'', **changes)}", method="GET", url=url))
    refused(delivery(BODY, f"Bearer {token(b'', payload_hash=None)}", method="GET", url=url))
    refused(delivery(b"", f"Bearer {token(b'', payload_hash=None)}"))
    refused(delivery(b"", f"Bearer {token(BODY)}", method="GET", url=url))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic {}",
        "{}",
        "Bearer {},Bearer {}",
        "Bearer {}\n",
        "Bearer {}=",
        "Bearer ..",
    ],
)
def test_an_authorization_that_is_no_single_token_is_refused(authorization: str | None) -> None:
    """Repeated headers come joined by a comma."""
    refused(delivery(BODY, authorization and authorization.replace("{}", token(BODY))))


def test_the_name_of_the_scheme_is_in_any_case() -> None:
    """RFC 9110, section 11.1."""
    accepted(delivery(BODY, f"bearer {token(BODY)}"))


@given(
    body=st.binary(),
    authorization=st.text()
    | st.from_regex(r"\ABearer [A-Za-z0-9_-]{1,20}\.[A-Za-z0-9_-]{1,20}\.[A-Za-z0-9_-]{43}\Z")
    | st.tuples(st.binary(), st.binary()).map(lambda parts: by_hand(*parts)),
    credentials=st.lists(
        st.dictionaries(st.sampled_from(["signature_secret", "x"]), st.just(SECRET) | st.text())
    ),
    method=st.sampled_from(["GET", "POST", "X"]),
)
def test_authenticating_raises_only_not_authentic(
    body: bytes, authorization: str, credentials: list[dict[str, str]], method: str
) -> None:
    """Whatever comes, even signed nonsense, it is NotAuthentic, and understanding it finds no id."""
    given_ = delivery(body, authorization, method=method)
    refused(given_, credentials)
