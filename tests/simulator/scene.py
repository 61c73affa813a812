"""A simulated provider with a call, and requests as the vault sends them."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from vault.domain.calls.call import Direction
from vault.simulator.call import Copy, SimulatedCall, call_that_ended
from vault.simulator.exchange import VaultRequest, Webhook
from vault.simulator.provider import SimulatedProvider
from vault.simulator.registry import SIMULATED

BASE = "http://127.0.0.1:8090"
HOOK = "https://vault.example/webhooks/provider/conn_1"
AUDIO = b"RIFF and so on"
NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def simulated(name: str) -> SimulatedProvider:
    return SIMULATED[name](BASE)


def a_call(
    provider: SimulatedProvider, direction: Direction = "inbound", *, ago: timedelta = timedelta(0)
) -> SimulatedCall:
    return call_that_ended(NOW - ago, ref=provider.new_call_ref(), direction=direction)


def kept(provider: SimulatedProvider, *, expired: bool = False) -> Copy:
    return provider.keep(a_call(provider), AUDIO, expired=expired)


def every_event(provider: SimulatedProvider, direction: Direction) -> list[Webhook]:
    call = a_call(provider, direction)
    copy = provider.keep(call, AUDIO)
    return [*provider.call_events(call, HOOK), provider.recording_event(copy, HOOK)]


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def asked(url: str, headers: dict[str, str] | None = None, *, method: str = "GET") -> VaultRequest:
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    return VaultRequest(method=method, path=parts.path, query=query, headers=headers or {})
