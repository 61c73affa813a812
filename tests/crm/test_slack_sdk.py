"""Slack's own SDK for Python talks to the simulated Slack, and finds what the adapter posted, and vice versa."""

import asyncio
from functools import partial

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.crm.walk import BY_NAME, HANDOVER, Walk
from vault.simulator.crm.command import answer_by
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.server import provider_server

SYSTEM = BY_NAME["slack"]
MESSAGE = {
    "text": "Inbound call",
    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Agent: Ann"}}],
    "metadata": {
        "event_type": "callvault_handover",
        "event_payload": {"id": HANDOVER.id, "channel": "C0123456789"},
    },
    "unfurl_links": False,
    "unfurl_media": False,
}


async def test_the_sdk_writes_and_the_adapter_finds():
    """What the SDK sends is taken, so the simulated Slack is no stricter than Slack."""
    peer = SIMULATED_CRM["slack"]()
    async with provider_server() as server:
        server.answer = partial(answer_by, peer)
        sdk = WebClient(token=peer.key, base_url=f"{server.base}/api/")
        posted = await asyncio.to_thread(sdk.chat_postMessage, channel="C0123456789", **MESSAGE)
        walk = Walk.of("slack")
        walk.peer, walk.access = peer, type(walk.access)(settings=peer.settings, by="key", token=peer.key)
        walk.probe()
        assert walk.remote == {"channel": posted["channel"], "ts": posted["ts"]}
        await asyncio.to_thread(
            sdk.chat_update, channel=posted["channel"], ts=posted["ts"], text="Changed", blocks=[]
        )
        await asyncio.to_thread(sdk.chat_delete, channel=posted["channel"], ts=posted["ts"])
        with pytest.raises(SlackApiError, match="message_not_found"):
            await asyncio.to_thread(sdk.chat_delete, channel=posted["channel"], ts=posted["ts"])


async def test_the_adapter_writes_and_the_sdk_finds():
    """The SDK reads the answers, the metadata, and that a wrong token is refused."""
    walk = Walk.of("slack")
    walk.create()
    async with provider_server() as server:
        server.answer = partial(answer_by, walk.peer)
        sdk = WebClient(token=walk.peer.key, base_url=f"{server.base}/api/")
        history = await asyncio.to_thread(
            sdk.conversations_history, channel="C0123456789", include_all_metadata=True, limit=10
        )
        [message] = history["messages"]
        assert walk.remote is not None
        assert message["ts"] == walk.remote["ts"]
        assert message["metadata"]["event_payload"]["id"] == HANDOVER.id
        stranger = WebClient(token="xoxb-wrong", base_url=f"{server.base}/api/")
        with pytest.raises(SlackApiError, match="invalid_auth"):
            await asyncio.to_thread(stranger.chat_delete, channel="C0123456789", ts=message["ts"])
