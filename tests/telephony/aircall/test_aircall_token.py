"""The token in Aircall's bodies, which is all that proves them, and the credentials."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telephony.aircall.recorded import (
    CREDENTIALS,
    PROVIDER,
    TOKEN,
    delivery,
    load,
)
from tests.telephony.replies import check_named_credentials
from vault.errors import Invalid, NotAuthentic


def test_the_token_in_the_body_proves_a_delivery() -> None:
    """The current and the previous one count, in whichever order."""
    other = CREDENTIALS | {"token": "another"}
    for credentials in ([CREDENTIALS], [other, CREDENTIALS], [CREDENTIALS, other]):
        PROVIDER.authenticate(delivery(load("call_ended")), credentials)


def _unproven() -> list[object]:
    event, text = load("call_ended"), json.dumps(load("call_ended"))
    tokens: list[object] = [
        None,
        "",
        TOKEN[:-1],
        TOKEN + " ",
        TOKEN.upper(),
        [TOKEN],
        {"token": TOKEN},
        0,
        True,
        "\ud800",
    ]
    nested = {"data": {"token": TOKEN}}
    twice = text.replace('"token"', '"token": "x", "token"', 1).encode()
    return [
        *(event | {"token": token} for token in tokens),
        nested,
        twice,
        [event],
        b"",
        b"\xff",
        TOKEN.encode(),
    ]


@pytest.mark.parametrize("event", _unproven())
def test_a_body_without_the_token_is_refused(event: object) -> None:
    """Only the one string, once, at the top of a JSON object, is the proof; headers are none."""
    headers = {"aircall-origin": "webhooks", "x-aircall-signature": TOKEN, "authorization": f"Bearer {TOKEN}"}
    for credentials in ([CREDENTIALS], [CREDENTIALS, {}], [{"token": ""}], []):
        with pytest.raises(NotAuthentic) as error:
            PROVIDER.authenticate(delivery(event, headers), credentials)
        assert TOKEN not in str(error.value)


def test_a_number_is_no_token() -> None:
    """Not even the one that the token's digits are: only a string is compared."""
    for token in (12345, True, None):
        credentials = CREDENTIALS | {"token": str(token)}
        with pytest.raises(NotAuthentic):
            PROVIDER.authenticate(delivery(load("call_ended") | {"token": token}), [credentials])


def test_a_flip_of_any_bit_of_the_token_is_refused() -> None:
    """No character can be another one."""
    event = load("call_ended")
    for position, character in enumerate(TOKEN):
        for bit in range(8):
            token = TOKEN[:position] + chr(ord(character) ^ 1 << bit) + TOKEN[position + 1 :]
            with pytest.raises(NotAuthentic):
                PROVIDER.authenticate(delivery(event | {"token": token}), [CREDENTIALS])


@given(
    body=st.binary()
    | st.dictionaries(st.text() | st.just("token"), st.text() | st.none()).map(
        lambda x: json.dumps(x).encode()
    ),
    headers=st.dictionaries(st.text(), st.text()),
    credentials=st.lists(
        st.dictionaries(st.sampled_from(["token", "x"]), st.text().map(lambda x: f"{x}~secret"))
    ),
)
def test_arbitrary_deliveries_are_not_authentic_and_nothing_worse(
    body: bytes, headers: dict[str, str], credentials: list[dict[str, str]]
) -> None:
    """Whatever comes, it is NotAuthentic, and understood or Invalid."""
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(delivery(body, headers), credentials)
    with pytest.raises(Invalid):
        PROVIDER.understand(delivery(body, headers))


def test_credentials_are_these_three() -> None:
    """A missing, blank, odd or surplus one is named and not repeated."""
    wrong = (
        ({"token": ""}, "token"),
        ({"token": "hunter2 x"}, "token"),
        ({"token": "hünter2"}, "token"),
        ({"api_id": "hunter2:x"}, "api_id"),
        ({"api_token": "hunter2\r\nX: y"}, "api_token"),
        ({"secret": "hunter2"}, "credentials"),
    )
    check_named_credentials(PROVIDER, CREDENTIALS, wrong)
