"""Pauses at each provider that takes the command, by its simulator: what it answers, and what that is taken for."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from tests.simulator.scene import BASE, a_call
from vault.domain.calls.provider_api import Access, RestReply, RestRequest
from vault.ports.telephony import Provider
from vault.simulator.exchange import VaultRequest
from vault.simulator.provider import SimulatedProvider, SteeredProvider
from vault.simulator.registry import SIMULATED, STEERED
from vault.telephony.registry import PROVIDERS

#: By name: those with documents are steered by them.
PAUSING = ("twilio", "aircall", "telnyx")


def pair(name: str) -> tuple[Provider, SimulatedProvider, Access]:
    """Return an adapter, the simulated provider and access to it."""
    provider = next(one for one in PROVIDERS if one.name == name)
    simulated = {**SIMULATED, **STEERED}[name](BASE)
    access = Access(credentials=simulated.credentials, api_base=BASE, now=datetime.now(UTC))
    return provider, simulated, access


def sent(simulated: SimulatedProvider, request: RestRequest | None) -> RestReply:
    """Return what the simulated provider answers."""
    assert request is not None
    headers = {name.lower(): value for name, value in request.headers.items()}
    path = urlsplit(request.url).path
    asked = VaultRequest(method=request.method, path=path, headers=headers, body=request.body)
    reply = simulated.answer(asked)
    return RestReply(status=reply.status, body=reply.body)


@pytest.mark.parametrize("name", PAUSING)
def test_a_recording_is_paused_and_goes_on(name: str) -> None:
    """The provider knows it, and says so."""
    provider, simulated, access = pair(name)
    call = a_call(simulated)
    if isinstance(simulated, SteeredProvider):
        simulated.begins(call)
    reply = sent(simulated, provider.pause_request(call.ref, access))
    assert (provider.pause_state(reply, paused=True), simulated.paused) == (True, {call.ref})
    reply = sent(simulated, provider.resume_request(call.ref, access))
    assert (provider.pause_state(reply, paused=False), simulated.paused) == (True, set())


@pytest.mark.parametrize(("name", "believed"), [("twilio", False), ("aircall", False), ("telnyx", True)])
def test_one_that_answers_and_does_not_pause(name: str, believed: bool) -> None:
    """Twilio answers 200 with the state that stays. Telnyx says no state: only the audio can tell."""
    provider, simulated, access = pair(name)
    simulated.obeys = False
    call = a_call(simulated)
    if isinstance(simulated, SteeredProvider):
        simulated.begins(call)
    reply = sent(simulated, provider.pause_request(call.ref, access))
    assert provider.pause_state(reply, paused=True) is believed
    assert not simulated.paused


@pytest.mark.parametrize("name", PAUSING)
@pytest.mark.parametrize("status", [200, 204, 400, 404, 500])
def test_what_is_no_answer_of_the_provider_pauses_nothing(name: str, status: int) -> None:
    """Bodies that are no JSON, of another shape, and of another status; Aircall has no body."""
    provider, _, _ = pair(name)
    for body in (b"", b"[]", b"{}", b'{"status": 1}', b'{"data": []}', b'{"status": "in-progress"}'):
        said = provider.pause_state(RestReply(status=status, body=body), paused=True)
        assert said is (name == "aircall" and status // 100 == 2)
    failed = RestReply(status=500, body=b'{"status": "paused", "data": {"result": "ok"}}')
    assert not provider.pause_state(failed, paused=True)


@pytest.mark.parametrize("call_ref", ["", "a/b", "..", "x?y", "v3:a/b", "v3:", "CA1\n", "é"])
@pytest.mark.parametrize("name", PAUSING)
def test_what_is_no_id_of_a_call_is_not_sent(name: str, call_ref: str) -> None:
    """It becomes a part of a path with credentials."""
    provider, _, access = pair(name)
    assert provider.pause_request(call_ref, access) is None
    assert provider.resume_request(call_ref, access) is None


def test_a_leg_of_call_control_takes_no_command() -> None:
    """Its id is not the one that Telnyx's commands name; and a wrong password changes nothing at Twilio."""
    provider, _, access = pair("telnyx")
    assert provider.pause_request("3f0c1b1e-0000-4000-8000-000000000000", access) is None
    provider, simulated, access = pair("twilio")
    call = a_call(simulated)
    simulated.begins(call)
    other = replace(access, credentials={**access.credentials, "auth_token": "wrong"})
    reply = sent(simulated, provider.pause_request(call.ref, other))
    assert not provider.pause_state(reply, paused=True)
    assert not simulated.paused
