"""Plivo's signature of version 3, against the vendor's SDK as a peer and against every mutation."""

import base64
import hashlib
import hmac
import random
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo.utils import validate_v3_signature

from tests.support.counts import count
from tests.telephony.plivo.recorded import (
    CREDENTIALS,
    OTHER_TOKEN,
    OTHERS,
    PROVIDER,
    TOKEN,
    URL,
    Params,
    delivery,
    proof,
    signature,
)
from vault.domain.calls.provider_api import Delivery
from vault.errors import NotAuthentic
from vault.telephony.signatures.standard_webhooks import DUMMY_KEY

COUNT = count("Generated callbacks of Plivo", small=60, full=1000)
LETTERS = "abcXYZ019 &=+.?%/~-_\u00e9\u4e16"
PARAMS: Params = {"CallUUID": "u1", "From": "12025550100", "Blank": "", "List": ["b", "a", "a"]}


def refused(given_: Delivery, credentials=(CREDENTIALS,)) -> None:
    with pytest.raises(NotAuthentic) as error:
        PROVIDER.authenticate(given_, credentials)
    assert str(error.value) == "The delivery is not signed with this connection's secret."


def word(chance: random.Random, letters: str, least: int = 0) -> str:
    return "".join(chance.choice(letters) for _ in range(chance.randrange(least, 12)))


def fields(chance: random.Random, prefix: str, letters: str) -> Params:
    """Return parameters with distinct names, blanks, and several values of one name."""
    made: Params = {}
    for number in range(chance.randrange(5)):
        values = [word(chance, letters) for _ in range(chance.choice([1, 1, 1, 3]))]
        made[f"{prefix}{number}{word(chance, letters)}"] = values if len(values) > 1 else values[0]
    return made


def shuffled(params: Params, chance: random.Random) -> str:
    """Return the parameters in any order, urlencoded: the signature sorts them."""
    pairs = [
        (k, v) for k, values in params.items() for v in ([values] if isinstance(values, str) else values)
    ]
    chance.shuffle(pairs)
    return urlencode(pairs)


def test_what_the_peer_signs_is_accepted_and_every_mutation_of_it_refused() -> None:
    """Body, URL, nonce, method, token: a parameter more, less or twice, one character another."""
    chance = random.Random(11)  # noqa: S311 - the same requests in every run
    for _ in range(COUNT):
        method = chance.choice(["GET", "POST"])
        # The SDK cannot read a query beyond ASCII.
        query = shuffled(fields(chance, "q", LETTERS[:-2]), chance)
        params = fields(chance, "p", LETTERS) if method == "POST" else {}
        url, nonce = f"{URL}?{query}" if query else URL, str(chance.getrandbits(64))
        given_ = signature(method, url, params, nonce)
        assert validate_v3_signature(method, url, nonce, TOKEN, given_, dict(params))
        headers, form = proof(given_, nonce), shuffled(params, chance)
        for credentials in ([CREDENTIALS], [OTHERS, CREDENTIALS], [CREDENTIALS, OTHERS]):
            PROVIDER.authenticate(delivery(form, headers, method=method, url=url), credentials)
        for credentials in ([], [{}], [OTHERS]):
            refused(delivery(form, headers, method=method, url=url), credentials)
        mutate(chance, method, url, form, headers)


def mutate(chance: random.Random, method: str, url: str, form: str, headers: dict[str, str]) -> None:
    """Change one thing at a time, and see it refused."""
    given_, nonce = headers["x-plivo-signature-v3"], headers["x-plivo-signature-v3-nonce"]
    position = chance.randrange(len(given_))
    flipped = (
        given_[:position] + chr(ord(given_[position]) ^ 1 << chance.randrange(7)) + given_[position + 1 :]
    )
    mutations = [
        (method, url, form, headers | {"x-plivo-signature-v3": flipped}),
        (method, url, form, proof(given_, str(int(nonce) + 1))),
        (method, url, form, proof(given_, "")),
        (method, url.replace("plivo/c", "plivo/d"), form, headers),
        (method, url.replace("https", "http"), form, headers),
        (method, url.replace("vault.", "vault2."), form, headers),
        (method, f"{url}&z=1" if "?" in url else f"{url}?z=1", form, headers),
        (method, url, f"{form}&z=1" if form else "z=1", headers),
        (method.lower(), url, form, headers),
        ("PUT", url, form, headers),
    ]
    for whole, remake in (
        (form, lambda text: (url, text)),
        (url.partition("?")[2], lambda text: (f"{URL}?{text}", form)),
    ):
        pieces = whole.split("&") if whole else []
        for number, piece in enumerate(pieces):
            without = "&".join(pieces[:number] + pieces[number + 1 :])
            mutations.append((method, *remake(without), headers))
            mutations.append((method, *remake(f"{whole}&{piece}"), headers))
            mutations.append((method, *remake(whole.replace(piece, f"{piece}x", 1)), headers))
    for changed in mutations:
        refused(delivery(changed[2], changed[3], method=changed[0], url=changed[1]))


@pytest.mark.parametrize(
    ("url", "params", "base"),
    [
        (
            "https://a.example/r?b=2&x=1",
            {"CallUUID": "u1", "From": " 1"},
            "https://a.example/r?b=2&x=1.CallUUIDu1From 1",
        ),
        ("https://a.example/r", {"CallUUID": "u1", "B": "2"}, "https://a.example/r?B2CallUUIDu1"),
        ("https://a.example/r?x=1&b=2", {}, "https://a.example/r?b=2&x=1"),
        ("https://a.example/r", {}, "https://a.example/r"),
    ],
)
def test_the_text_that_is_signed_is_the_vendors(url: str, params: Params, base: str) -> None:
    """Worked examples; the question mark without a query is kept."""
    made = base64.b64encode(hmac.digest(TOKEN.encode(), f"{base}.12345".encode(), hashlib.sha256)).decode()
    assert made == signature("POST", url, params, "12345")
    PROVIDER.authenticate(delivery(urlencode(params), proof(made), url=url), [CREDENTIALS])


def signed(**headers: str) -> Delivery:
    return delivery(urlencode(PARAMS, doseq=True), {"x-plivo-signature-v3-nonce": "12345"} | headers)


def test_several_signatures_may_come_in_two_headers() -> None:
    """One of them is enough, a space after a comma does not matter, and the main account's counts too."""
    good, bad = (signature("POST", URL, PARAMS, "12345", token=token) for token in (TOKEN, OTHER_TOKEN))
    v3, main = "x-plivo-signature-v3", "x-plivo-signature-ma-v3"
    for headers in (
        {v3: f"{bad},{good}"},
        {v3: f"{bad}, {good}"},
        {v3: f"junk,{good}"},
        {main: good},
        {v3: bad, main: good},
    ):
        PROVIDER.authenticate(signed(**headers), [CREDENTIALS])
    for headers in ({}, {v3: bad, main: bad}, {v3: f"{good}{good}"}, {v3: ",".join([bad] * 16 + [good])}):
        refused(signed(**headers))


def test_version_2_is_not_accepted() -> None:
    """It covers neither query nor body, so it proves nothing of a recording."""
    made = base64.b64encode(hmac.digest(TOKEN.encode(), f"{URL}12345".encode(), hashlib.sha256)).decode()
    refused(signed(**{"x-plivo-signature-v2": made, "x-plivo-signature-v2-nonce": "12345"}))
    refused(signed(**{"x-plivo-signature-v3": made}))


def test_a_dot_does_not_move_from_a_value_into_the_nonce() -> None:
    """The peer cannot tell the two apart, so a nonce has no dot."""
    made = signature("POST", URL, {"A": "x.y"}, "12345")
    PROVIDER.authenticate(delivery("A=x.y", proof(made)), [CREDENTIALS])
    assert validate_v3_signature("POST", URL, "y.12345", TOKEN, made, {"A": "x"})
    refused(delivery("A=x", proof(made, "y.12345")))


@pytest.mark.parametrize("nonce", ["", " ", "a b", "1\n", "\u00fc", "n" * 257])
def test_a_nonce_that_is_none_is_refused(nonce: str) -> None:
    """Even one that is signed."""
    refused(delivery("A=1", proof(signature("POST", URL, {"A": "1"}, nonce), nonce)))


def test_no_token_is_no_token() -> None:
    """What is signed with the dummy key, or with nothing, proves nothing."""
    for token in ("", DUMMY_KEY.decode()):
        given_ = delivery("A=1", proof(signature("POST", URL, {"A": "1"}, "12345", token=token)))
        for credentials in ([], [{}], [{"auth_token": ""}], [CREDENTIALS]):
            refused(given_, credentials)


def test_a_get_has_no_body() -> None:
    """Its signature would not cover one, and that of a POST does not become a GET's."""
    url = f"{URL}?CallUUID=u1"
    headers = proof(signature("GET", url, {}, "12345"))
    PROVIDER.authenticate(delivery("", headers, method="GET", url=url), [CREDENTIALS])
    refused(delivery("A=1", headers, method="GET", url=url))
    posted = proof(signature("POST", url, {"A": "1"}, "12345"))
    PROVIDER.authenticate(delivery("A=1", posted, url=url), [CREDENTIALS])
    refused(delivery("A=1", posted, method="GET", url=url))


@given(
    body=st.binary(),
    headers=st.dictionaries(
        st.text() | st.sampled_from(["x-plivo-signature-v3", "x-plivo-signature-ma-v3"]),
        st.text() | st.from_regex(r"\A[A-Za-z0-9+/]{43}=\Z"),
    ),
    tail=st.text(),
    method=st.sampled_from(["GET", "POST", "X"]),
    credentials=st.lists(st.dictionaries(st.sampled_from(["auth_token", "x"]), st.just(TOKEN) | st.text())),
)
def test_authenticating_raises_only_not_authentic(
    body: bytes, headers: dict[str, str], tail: str, method: str, credentials: list[dict[str, str]]
) -> None:
    """Whatever comes, it is NotAuthentic."""
    headers = {"x-plivo-signature-v3-nonce": "1"} | headers
    refused(delivery(body, headers, method=method, url=f"{URL}{tail}"), credentials)
