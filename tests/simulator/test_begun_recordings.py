"""Recordings that the REST interface begins, where a document cannot."""

from urllib.parse import urlencode

import pytest

from tests.simulator.scene import BASE, HOOK, a_call, basic
from vault.simulator.exchange import VaultRequest
from vault.simulator.registry import STEERED
from vault.simulator.twilio_api_provider import TwilioApiProvider

FORM = {"RecordingChannels": "dual", "RecordingStatusCallback": HOOK}


def asked(
    provider: TwilioApiProvider, call_ref: str, form: dict[str, str], *, password: str | None = None
) -> VaultRequest:
    """Return the request that records a call."""
    path = f"{provider.prefix}/Accounts/{provider.account}/Calls/{call_ref}/Recordings.json"
    headers = basic(provider.account, password or provider.password)
    return VaultRequest(method="POST", path=path, headers=headers, body=urlencode(form).encode())


@pytest.fixture(params=["twilio", "signalwire"])
def provider(request: pytest.FixtureRequest) -> TwilioApiProvider:
    """A provider of the dialect."""
    made = STEERED[request.param](BASE)
    assert isinstance(made, TwilioApiProvider)
    return made


def test_a_call_that_goes_on_is_recorded(provider: TwilioApiProvider) -> None:
    """The callback of the form is where the recording is told of."""
    call = a_call(provider)
    provider.begins(call)
    assert provider.begun(call) is None
    assert provider.answer(asked(provider, call.ref, FORM)).status == 201
    assert provider.begun(call) == HOOK


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (FORM | {"RecordingChannels": "mono"}, 400),
        ({"RecordingChannels": "dual"}, 400),
        ({}, 400),
    ],
)
def test_what_would_lose_a_party_or_tell_nobody_is_refused(
    provider: TwilioApiProvider, form: dict[str, str], status: int
) -> None:
    """Nothing is recorded then."""
    call = a_call(provider)
    provider.begins(call)
    assert provider.answer(asked(provider, call.ref, form)).status == status
    assert provider.begun(call) is None


def test_another_call_and_another_password_record_nothing(provider: TwilioApiProvider) -> None:
    """404 and 401."""
    call, other = a_call(provider), a_call(provider)
    provider.begins(call)
    assert provider.answer(asked(provider, other.ref, FORM)).status == 404
    assert provider.answer(asked(provider, call.ref, FORM, password="wrong")).status == 401
    assert (provider.begun(call), provider.begun(other)) == (None, None)
