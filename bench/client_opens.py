"""Opens as listeners send them: the form of the page behind a link, each with a nonce of its own."""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from bench.client_load import load
from tests.support.link_minter import Minter

_SEE_OTHER, _NOT_FOUND = 303, 404
#: Forged links prepared for each second: more than any server refuses.
_MOST_FORGED = 4000


def opens(
    *, port: int, tokens: Sequence[str], sessions: int, connections: int, seconds: float
) -> Mapping[str, Any]:
    """Open each link at most ``sessions`` times, one link after the other, for ``seconds``.

    Return opens a second, how many were answered, and latencies in milliseconds.
    """
    requests = deque(_open(token) for _ in range(sessions) for token in tokens)
    return load(port=port, requests=requests, status=_SEE_OTHER, connections=connections, seconds=seconds)


def forged(*, port: int, key_id: str, connections: int, seconds: float) -> Mapping[str, Any]:
    """Ask for forged links for ``seconds``, made up and badly signed in turns, each from an address of its own."""
    minter = Minter(key_id=key_id, audience="https://vault.example")
    token = minter.token("rec_" + "0" * 32)
    count = round(seconds * _MOST_FORGED)
    made = (
        f"v1.{secrets.token_urlsafe(32)}.{secrets.token_urlsafe(16)}" if number % 2 else token
        for number in range(count)
    )
    requests = deque(_forged(token, number) for number, token in enumerate(made))
    return load(port=port, requests=requests, status=_NOT_FOUND, connections=connections, seconds=seconds)


def _forged(token: str, number: int) -> bytes:
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    head = f"GET /p/{token} HTTP/1.1\r\nHost: vault.example\r\nX-Forwarded-For: {address}\r\n\r\n"
    return head.encode()


def _open(token: str) -> bytes:
    body = f"nonce={secrets.token_urlsafe(16)}".encode()
    head = (
        f"POST /p/{token}/open HTTP/1.1\r\nHost: vault.example\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
