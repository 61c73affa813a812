"""Which platforms ask what to do with a call, and what each is told to enter for it."""

import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from tests.fakes.provider import FakeProvider
from tests.telephony.scripts import SCRIPTS, STATUS
from vault.domain.calls.provider_api import Access
from vault.ports.telephony import Provider
from vault.simulator.registry import STEERED
from vault.telephony.registry import PROVIDERS

#: Those that ask for documents, as their simulators do, and those that ask for none.
ASKING: list[Provider] = [provider for provider in PROVIDERS if provider.name in STEERED]
SILENT: list[Provider] = [provider for provider in PROVIDERS if provider.name not in STEERED]
ACCESS = Access(credentials={"space": "example"}, api_base=None, now=datetime(2026, 1, 1, tzinfo=UTC))
CALL = "6c4b2b5a-7f3e-4f0a-9f52-5d4a3f6f1c11"


def name_of(provider: Provider) -> str:
    """Return a provider as a test id."""
    return type(provider).__name__


@pytest.mark.parametrize("provider", ASKING, ids=name_of)
def test_a_platform_that_asks_is_told_where(provider: Provider) -> None:
    """By POST, below the URL of the connection, without a fragment."""
    webhook = f"https://vault.example/webhooks/{provider.name}/c"
    setup = json.loads(json.dumps(provider.setup(webhook)))
    asked = setup["call_start"]
    assert asked["url"] == f"{webhook}/call"
    assert asked["method"] == "POST"
    assert "next_url" in asked["enter_at"]
    assert urlsplit(setup["url"]).path == urlsplit(webhook).path


@pytest.mark.parametrize("provider", ASKING, ids=name_of)
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_platform_that_asks_reads_every_script(provider: Provider, name: str) -> None:
    """A document has at most the 100 kilobytes that the strictest of them takes (Plivo)."""
    flow = provider.call_documents
    assert flow is not None
    document = flow.document(SCRIPTS[name])
    assert document.media_type in ("application/xml", "application/json")
    assert 0 < len(document.body) < 100_000


@pytest.mark.parametrize("provider", [*SILENT, FakeProvider()], ids=name_of)
def test_a_platform_that_does_not_ask_has_no_flow(provider: Provider) -> None:
    """Nothing is entered for what never comes."""
    assert provider.call_documents is None
    assert "call_start" not in provider.setup("https://vault.example/webhooks/p/c")


@pytest.mark.parametrize("provider", [*PROVIDERS, FakeProvider()], ids=name_of)
def test_only_signalwire_begins_recordings_by_rest(provider: Provider) -> None:
    """Everybody else's documents begin them, or nobody asks."""
    begun = provider.record_request(CALL, STATUS, ACCESS)
    assert (begun is not None) == (provider.name == "signalwire")


@pytest.mark.parametrize("provider", PROVIDERS, ids=name_of)
def test_only_aircall_pauses_what_it_records_unasked(provider: Provider) -> None:
    """Elsewhere a document decides before anything is recorded."""
    paused = provider.pause_request("812345678", ACCESS)
    assert (paused is not None) == (provider.name == "aircall")
