"""Fixtures of telephony."""

from collections.abc import AsyncIterator

import pytest

from tests.servers.media import MediaServer


@pytest.fixture
async def server() -> AsyncIterator[MediaServer]:
    """A media host on loopback."""
    async with MediaServer() as made:
        yield made
