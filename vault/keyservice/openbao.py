"""The root key in OpenBao's transit engine, or in HashiCorp Vault's: the key never leaves that service.

Transit encrypts with a versioned AES-256-GCM key and returns ``vault:v<version>:<base64>``. After a rotation
in transit, new secrets use the new version; older versions decrypt until ``min_decryption_version`` excludes
them. The context is the associated data: JSON with sorted keys and no spaces, in ASCII (OpenBao API,
/secret/transit).

Transit's errors differ only in their message text. Messages about the ciphertext become Tampered; unknown
messages become Unavailable, which promises nothing. Two spellings that transit accepts as equal are refused
before a request: version 0, which it reads as 1, and base64 that is not canonical.

A token in a file is read again for every request, because an agent replaces it. Redirects are not followed:
they would send the token to another host.
"""

import asyncio
import base64
import binascii
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import httpcore

from vault import tracing
from vault.errors import Tampered, Unavailable, VaultError
from vault.keyservice import words
from vault.keyservice.plain_file import read_plain
from vault.thread_pools import Threads

#: Timeout in seconds for one attempt, from connecting to the last byte of the response.
TIMEOUT = 3
TRIES = 2
#: Max size of a response; a real one has a few hundred bytes.
MAX_ANSWER_BYTES = 64 * 1024

_CIPHERTEXT = re.compile(rb"vault:v[1-9][0-9]{0,8}:([A-Za-z0-9+/]+={0,2})")
_TOKEN_FILE_BYTES = 16 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_OK, _BAD_REQUEST, _SERVER_FAULT = 200, 400, 500
_NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    OSError,  # Includes ssl's errors and TimeoutError.
)
#: Transit's messages in a 400 about the ciphertext or its context, for every key type.
_TAMPERED_MESSAGES = ("message authentication failed", "invalid ciphertext")
#: Transit's messages in a 400 about the key.
_KEY_ERRORS = {
    "encryption key not found": words.NOT_KNOWN,
    "soft-deleted": words.NOT_USABLE,
    "disallowed by policy": "The root key's version that wrapped this is disabled in the key service.",
    "missing 'context'": "The root key in the key service is a derived key, which the vault cannot use.",
    "non-AEAD": "The root key in the key service has the wrong type: it does not support associated data.",
}
_BY_STATUS = {
    403: words.NOT_ALLOWED,
    404: words.NOT_KNOWN,
    429: words.TOO_BUSY,
    503: "The key service is sealed, or not ready.",
}


class OpenBaoKey:
    """RootKey in a transit engine. ``mount`` is the engine's path, ``key`` the key's name in it."""

    def __init__(
        self,
        pool: httpcore.AsyncConnectionPool,
        address: httpcore.URL,
        *,
        mount: str,
        key: str,
        namespace: str | None,
        token: Callable[[], str | None],
        threads: Threads,
    ) -> None:
        """Send requests to ``address``; ``token`` is called in a thread before each request."""
        self.pool = pool
        self.address = address
        host = address.host.decode()
        self.authority = f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"
        self.mount = mount
        self.key = key
        self.namespace = namespace
        self.token = token
        self.threads = threads

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt ``secret`` under the newest version of the key, bound to ``context``. Raises Unavailable."""
        fields = {"plaintext": _encoded(secret), "associated_data": _encoded(associated_data(context))}
        wrapped = (await self._call("encrypt", fields)).get("ciphertext")
        if not isinstance(wrapped, str) or not _is_ciphertext(wrapped.encode()):
            raise Unavailable(words.NOT_UNDERSTOOD, cause="keyservice")
        return wrapped.encode()

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt the output of ``wrap``.

        Raises Unavailable, and Tampered for another key, other bytes or another context.
        """
        if not _is_ciphertext(wrapped):
            raise Tampered(words.NOT_OURS)
        fields = {"ciphertext": wrapped.decode(), "associated_data": _encoded(associated_data(context))}
        plaintext = (await self._call("decrypt", fields)).get("plaintext")
        try:
            return base64.b64decode(str(plaintext), validate=True)
        except ValueError:
            # Not chained: the error could quote a secret.
            raise Unavailable(words.NOT_UNDERSTOOD, cause="keyservice") from None

    async def close(self) -> None:
        """Close the connections. The caller that created the threads closes them."""
        await self.pool.aclose()

    async def _call(self, action: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a request and return the response's data; retry once without a response or on a server error."""
        request = await self._request(action, json.dumps(fields).encode())
        status, body = 0, b""
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(TIMEOUT):
                    with tracing.span("openbao", vault__call=action):
                        status, body = await self._exchange(request)
            except _NETWORK_ERRORS:
                status = 0
            if 0 < status < _SERVER_FAULT:
                break
        if status == _OK:
            return _data(body)
        raise _translated(status, body)

    async def _request(self, action: str, body: bytes) -> httpcore.Request:
        headers = {
            "host": self.authority,
            "content-type": "application/json",
            "content-length": str(len(body)),
            # A proxy that adds the token may require this header against request forgery (SSRF).
            "x-vault-request": "true",
            "user-agent": "callvault",
        }
        if self.namespace is not None:
            headers["x-vault-namespace"] = self.namespace
        token = await self.threads.run(self.token)
        if token is not None:
            headers["x-vault-token"] = token
        at = self.address
        target = f"/v1/{self.mount}/{action}/{self.key}"
        url = httpcore.URL(scheme=at.scheme, host=at.host, port=at.port, target=target)
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        return httpcore.Request("POST", url, headers=lines, content=body)

    async def _exchange(self, request: httpcore.Request) -> tuple[int, bytes]:
        response = await self.pool.handle_async_request(request)
        try:
            body = bytearray()
            async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_stream())) as blocks:
                async for block in blocks:
                    body += block
                    if len(body) > MAX_ANSWER_BYTES:
                        raise Unavailable(words.NOT_UNDERSTOOD, cause="keyservice")
            return response.status, bytes(body)
        finally:
            await response.aclose()


def associated_data(context: Mapping[str, str]) -> bytes:
    """Return a context as canonical JSON, so that an operator can pass it to transit manually too."""
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()


def token_in(path: Path) -> str:
    """Return the token in a file. Raises Unavailable, not StartRefused: an agent may still write the file."""
    try:
        token = read_plain(path, _TOKEN_FILE_BYTES).decode("ascii").strip()
    except (OSError, ValueError):
        token = ""
    if _TOKEN.fullmatch(token) is None:
        raise Unavailable(words.NO_CREDENTIALS, cause="keyservice")
    return token


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _is_ciphertext(wrapped: bytes) -> bool:
    match = _CIPHERTEXT.fullmatch(wrapped)
    if match is None:
        return False
    try:
        return base64.b64encode(base64.b64decode(match[1], validate=True)) == match[1]
    except binascii.Error:
        return False


def _data(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)["data"]
    except (ValueError, TypeError, KeyError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise Unavailable(words.NOT_UNDERSTOOD, cause="keyservice") from None
    return data


def _translated(status: int, body: bytes) -> VaultError:
    if status == 0:
        return Unavailable(words.NO_ANSWER, cause="keyservice")
    if status == _BAD_REQUEST:
        message = body.decode("utf-8", "replace")
        if any(text in message for text in _TAMPERED_MESSAGES):
            return Tampered(words.NOT_OURS)
        for text, sentence in _KEY_ERRORS.items():
            if text in message:
                return Unavailable(sentence, cause="keyservice")
    return Unavailable(_BY_STATUS.get(status, words.refused(str(status))), cause="keyservice")
