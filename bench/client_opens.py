"""Opens as listeners send them: the form of the page behind a link, each with a nonce of its own."""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from bench.client_load import load

_SEE_OTHER = 303


def opens(
    *, port: int, tokens: Sequence[str], sessions: int, connections: int, seconds: float
) -> Mapping[str, Any]:
    """Open each link at most ``sessions`` times, one link after the other, for ``seconds``.

    Return opens a second, how many were answered, and latencies in milliseconds.
    """
    requests = deque(_open(token) for _ in range(sessions) for token in tokens)
    return load(port=port, requests=requests, status=_SEE_OTHER, connections=connections, seconds=seconds)


def _open(token: str) -> bytes:
    body = f"nonce={secrets.token_urlsafe(16)}".encode()
    head = (
        f"POST /p/{token}/open HTTP/1.1\r\nHost: vault.example\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
