"""Webhooks as a platform under load sends them: many connections, each with one delivery under way.

Every delivery is a new recording, and all are signed before the clock starts, so that the client is
not what is measured.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bench.client_load import load
from bench.deliveries import Sender, sender

#: Deliveries prepared for each second of a round: more than any server here takes.
_FASTEST = 12_000
_ACCEPTED = 202
#: The platform that this process is, once it was told.
_SENDERS: list[Sender] = []


def become(*, provider: str, media: str) -> Mapping[str, str]:
    """Be that platform from now on; return the credentials that a connection needs."""
    _SENDERS[:] = [sender(provider, media)]
    return _SENDERS[0].credentials


def webhooks(
    *, port: int, url: str, connections: int, seconds: float, count: int | None = None
) -> Mapping[str, Any]:
    """Post for ``seconds``, or at most ``count`` deliveries, signed for the public ``url``.

    Return deliveries a second, how many were acknowledged, and latencies in milliseconds.
    """
    prepared = count or round(seconds * _FASTEST) + connections
    path = urlsplit(url).path
    requests = deque(_SENDERS[0].request(url, path) for _ in range(prepared))
    return load(port=port, requests=requests, status=_ACCEPTED, connections=connections, seconds=seconds)
