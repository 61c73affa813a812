"""Fixtures of hand-over: a vault on each database, and a CRM in memory."""

import pytest

from tests.fakes.crm import HOST, NotebookPeer
from tests.support.handing import ANN
from tests.support.house_fixtures import either, house, nodes  # noqa: F401 - fixtures
from tests.support.service_house import House
from vault.services.outbox import send_turn


@pytest.fixture(autouse=True)
def permissions_last(monkeypatch: pytest.MonkeyPatch):
    """Let no permission to send be too old because the machine was busy."""
    monkeypatch.setattr(send_turn, "VALID", 60.0)


@pytest.fixture
def peer(either: House) -> NotebookPeer:  # noqa: F811 - the fixture
    """The CRM that the house's client reaches."""
    made = NotebookPeer()
    either.outside.peers[HOST] = made
    return made


@pytest.fixture
def grantor(peer: NotebookPeer) -> NotebookPeer:
    """The CRM, which gives tokens that are valid once."""
    peer.contacts = [ANN]
    peer.keys = set()
    return peer
