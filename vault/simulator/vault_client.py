"""A client of a running vault: the REST API with an API key, and webhooks without one."""

import asyncio
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from vault.errors import Unavailable, VaultError
from vault.simulator.exchange import Webhook

_SECONDS = 30.0
_NO_ANSWER = "The vault does not respond. Is it running at the URL given with --vault?"


@dataclass(frozen=True, slots=True, repr=False)
class VaultAnswer:
    """The vault's response."""

    status: int
    body: bytes
    media_type: str = ""

    @property
    def json_object(self) -> dict[str, Any]:
        """Return the JSON object of the body, or an empty one."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def detail(self) -> str:
        """Return the status with the problem document's detail."""
        return f"{self.status} {self.json_object.get('detail', '')}".strip()


@dataclass(frozen=True, slots=True, repr=False)
class VaultClient:
    """A client for one account of a vault. It has no repr: it contains a key."""

    base: str
    key: str
    account: str

    async def rest(self, method: str, path: str = "", body: object = None) -> VaultAnswer:
        """Send a request to a path of the account. Raises Unavailable if the vault does not respond."""
        data = None if body is None else json.dumps(body).encode()
        return await self._rest(method, path, data, "application/json")

    async def must(self, method: str, path: str = "", body: object = None) -> dict[str, Any]:
        """Send a request and return the JSON of a success. Raises VaultError with the problem's detail."""
        return self._success(method, path, await self.rest(method, path, body))

    async def upload(self, path: str, body: bytes, media_type: str) -> dict[str, Any]:
        """Send raw bytes by PUT and return the JSON of a success. Raises VaultError like ``must``."""
        return self._success("PUT", path, await self._rest("PUT", path, body, media_type))

    async def deliver(self, webhook_url: str, webhook: Webhook) -> VaultAnswer:
        """Send a webhook to the vault's local address, whatever the host in its public URL."""
        return await asyncio.to_thread(_send, "POST", self._here(webhook_url), webhook.body, webhook.headers)

    async def fetch(self, url: str) -> VaultAnswer:
        """Send a GET without a key, for public URLs of the vault."""
        return await asyncio.to_thread(_send, "GET", self._here(url), None, {})

    async def _rest(self, method: str, path: str, body: bytes | None, media_type: str) -> VaultAnswer:
        url = f"{self.base}/v1/accounts/{self.account}{path}"
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": media_type}
        return await asyncio.to_thread(_send, method, url, body, headers)

    def _success(self, method: str, path: str, answered: VaultAnswer) -> dict[str, Any]:
        if answered.status // 100 != 2:  # noqa: PLR2004 - the class of success
            where = f"{method} /v1/accounts/{self.account}{path.partition('?')[0]}"
            raise VaultError(f"{where} was answered with {answered.detail}")
        return answered.json_object

    def _here(self, url: str) -> str:
        parts = urlsplit(url)
        return self.base + parts.path + (f"?{parts.query}" if parts.query else "")


def _send(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> VaultAnswer:
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - the caller's vault
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - the caller's vault
            return VaultAnswer(response.status, response.read(), response.headers.get_content_type())
    except urllib.error.HTTPError as error:
        with error:
            return VaultAnswer(error.code, error.read(), error.headers.get_content_type())
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise Unavailable(
                f"The certificate of the vault is not trusted: {error.reason.verify_message}. If a private CA issued "
                "it, set SSL_CERT_FILE to the file of that CA's certificate."
            ) from error
        raise Unavailable(_NO_ANSWER) from error
    except (OSError, ValueError) as error:
        raise Unavailable(_NO_ANSWER) from error
