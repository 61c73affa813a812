"""The token server of a simulated system: codes, PKCE, access tokens and refresh tokens that may rotate."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Literal
from urllib.parse import parse_qsl

from vault.simulator.exchange import Reply, VaultRequest, json_reply


@dataclass(slots=True, kw_only=True, repr=False)
class TokenServer:
    """Grants tokens to one registered client."""

    path: str
    #: Where a token is revoked (RFC 7009); None: nowhere.
    revoke_path: str | None = None
    client_in: Literal["body", "header", "json"] = "body"
    #: A refresh token is valid once, and ends the access token that came with it.
    rotates: bool = False
    has_pkce: bool = True
    #: Whether it gives refresh tokens.
    refreshes: bool = True
    #: Seconds in the reply; None: the reply has none.
    expires_in: int | None = 1800
    #: What the reply has beside the tokens.
    extra: dict[str, object] = field(default_factory=dict)
    #: Status of a reply that is an error.
    error_status: int = 400
    #: What it says of a code or refresh token that is not valid.
    error: str = "invalid_grant"
    client_id: str = field(default_factory=lambda: token_hex(8))
    client_secret: str = field(default_factory=lambda: token_hex(16))
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    #: Codes, their challenges and redirect addresses.
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def approve(self, query: Mapping[str, str]) -> str:
        """Return the code that an admin's approval of an authorization request gives. Raises ValueError."""
        if query["response_type"] != "code" or query["client_id"] != self.client_id or not query["state"]:
            raise ValueError("It is not an authorization request of this client.")
        challenge = query.get("code_challenge", "")
        if self.has_pkce and (query.get("code_challenge_method") != "S256" or not challenge):
            raise ValueError("The system wants a code challenge.")
        code = token_hex(8)
        self.codes[code] = (challenge, query["redirect_uri"])
        return code

    def pair(self) -> tuple[str, str]:
        """Return a new access token and refresh token."""
        access, refresh = "at_" + token_hex(16), "rt_" + token_hex(16)
        self.access.add(access)
        self.refresh.add(refresh)
        return access, refresh

    def revoke(self) -> None:
        """End every token, as an admin does who removes the app."""
        self.access.clear()
        self.refresh.clear()

    def revocation(self, asked: VaultRequest) -> Reply:
        """Answer a request to revoke a token: with it everything ends that came of it."""
        form = dict(parse_qsl(asked.body.decode()))
        if asked.method != "POST" or form.get("token") not in self.refresh | self.access:
            return json_reply(400, {"error": "invalid_token"})
        self.revoke()
        return json_reply(200, {})

    def answer(self, asked: VaultRequest) -> Reply:
        """Answer a request for tokens (RFC 6749, 4.1.3 and 6)."""
        is_json = asked.headers.get("content-type") == "application/json"
        if is_json != (self.client_in == "json"):
            return json_reply(400, {"error": "invalid_request"})
        form = json.loads(asked.body) if is_json else dict(parse_qsl(asked.body.decode()))
        named = (
            asked.basic if self.client_in == "header" else (form.get("client_id"), form.get("client_secret"))
        )
        if named is None or not _same(named, (self.client_id, self.client_secret)):
            return json_reply(401, {"error": "invalid_client"})
        if form.get("grant_type") == "refresh_token":
            granted = form.get("refresh_token") in self.refresh
            if granted and self.rotates:
                self.revoke()
        else:
            granted = form.get("grant_type") == "authorization_code" and self._takes(form)
        if not granted:
            return json_reply(self.error_status, {"ok": False, "error": self.error})
        return self._grant(form.get("refresh_token"))

    def _takes(self, form: Mapping[str, str]) -> bool:
        challenge, redirect = self.codes.pop(form.get("code", ""), ("", "?"))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return redirect == form.get("redirect_uri") and (
            not self.has_pkce or hmac.compare_digest(expected, challenge)
        )

    def _grant(self, former: str | None) -> Reply:
        access, refresh = self.pair()
        if former is not None and not self.rotates:
            self.refresh.discard(refresh)
            refresh = former
        life: dict[str, object] = {} if self.expires_in is None else {"expires_in": self.expires_in}
        if self.refreshes:
            life["refresh_token"] = refresh
        return json_reply(
            200, {"ok": True, "access_token": access, "token_type": "bearer", **life, **self.extra}
        )


def _same(named: tuple[str | None, str | None], own: tuple[str, str]) -> bool:
    return all(hmac.compare_digest(one or "", other) for one, other in zip(named, own, strict=True))
