"""An OpenID provider in memory that tells the truth, or lies as it is told to.

It answers as a RestClient, so that the vault's own client asks it. A lie changes what is signed, what is sent, or who
signs; the names of those that the specification's conformance suite has are the suite's.
"""

import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet

from tests.fakes.provider_lies import (
    CLIENT,
    EVENT,
    ISSUER,
    LIES,
    OTHER_ISSUER,
    SECRET,
    WHOLE_LIES,
    Json,
    keys,
    segment,
    signed,
)
from vault.domain.calls.provider_api import RestReply, RestRequest


@dataclass
class IdentityProvider:
    """The provider. ``lie`` names what it does wrong; ``claims`` are what it says of everybody besides."""

    issuer: str = ISSUER
    lie: str = ""
    claims: Json = field(default_factory=lambda: {"groups": ["staff"], "name": "Ada Moreau"})
    userinfo: Json = field(default_factory=dict)
    subject: str = "ada"
    #: Where it ends its own session.
    end_session: str = ""
    key: str = "rsa"
    algorithm: str = "RS256"
    published: list[str] = field(default_factory=lambda: ["rsa", "ec", "ed"])
    asked: Counter[str] = field(default_factory=Counter)
    codes: dict[str, Json] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    #: The client's public keys, if it has to sign in place of sending a secret.
    client_keys: Json | None = None
    assertions: set[str] = field(default_factory=set)

    def authorize(self, address: str) -> dict[str, str]:
        """Sign somebody in immediately; return the query with which the browser goes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT
        code = secrets.token_hex(8)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        if self.lie in ("no iss", "no iss announced"):
            del answer["iss"]
        return answer | ({"iss": OTHER_ISSUER} if self.lie == "iss of another" else {})

    async def send(self, request: RestRequest) -> RestReply:
        """Answer a request of the vault."""
        path = urlsplit(request.url).path
        self.asked[path] += 1
        answers: dict[str, Callable[[RestRequest], RestReply]] = {
            "/.well-known/openid-configuration": self._discovery,
            "/jwks": self._jwks,
            "/token": self._token,
            "/me": self._userinfo,
        }
        return answers.get(path, lambda _: RestReply(status=404, body=b""))(request)

    def _discovery(self, _: RestRequest) -> RestReply:
        document: Json = {
            "issuer": OTHER_ISSUER if self.lie == "discovery issuer mismatch" else self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": self.lie != "no iss announced",
        }
        if self.end_session:
            document["end_session_endpoint"] = self.end_session
        if self.userinfo:
            document["userinfo_endpoint"] = f"{self.issuer}/me"
        if self.lie == "endpoint over http":
            document["token_endpoint"] = "http://idp.example/token"
        if self.lie == "jwks redirects":
            document["jwks_uri"] = f"{self.issuer}/moved"
        return _json(document)

    def _jwks(self, _: RestRequest) -> RestReply:
        sets = [keys()[kid].as_dict(private=False) for kid in self.published]
        # Its owner can use that key with any algorithm, but says that only this one is good.
        sets = [one | ({"alg": "RS256"} if one["kid"] == "rsa" else {}) for one in sets]
        if self.lie == "kid-absent-single-jwks":
            sets = [{name: value for name, value in sets[0].items() if name != "kid"}]
        if self.lie == "kid-absent-multiple-jwks":
            sets = [*sets, keys()["new"].as_dict(private=False)]
        return _json({"keys": sets})

    def _token(self, request: RestRequest) -> RestReply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if self.client_keys is None:
            self._check_secret(request)
        else:
            self._check_assertion(form, self.client_keys)
        asked = self.codes.pop(form["code"], None)
        if asked is None:
            return _json({"error": "invalid_grant"}, 400)
        challenge = segment(hashlib.sha256(form["code_verifier"].encode()).digest())
        assert challenge == asked["code_challenge"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        access_token = secrets.token_hex(16)
        return _json(
            {"access_token": access_token, "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}
        )

    def _check_secret(self, request: RestRequest) -> None:
        pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().split(":")
        assert [unquote_plus(part) for part in pair] == [CLIENT, SECRET]

    def _check_assertion(self, form: dict[str, str], keys: Json) -> None:
        """Check what a client signed (RFC 7523, section 3): who, for whom, until when, and never twice."""
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert "client_secret" not in form
        token = jwt.decode(form["client_assertion"], KeySet.import_key_set(keys), algorithms=["ES256"])
        said = token.claims
        assert (said["iss"], said["sub"], said["aud"]) == (CLIENT, CLIENT, self.issuer)
        assert said["iat"] <= self.now().timestamp() + 1 < said["exp"] <= said["iat"] + 60
        assert said["jti"] not in self.assertions
        self.assertions.add(said["jti"])

    def _userinfo(self, request: RestRequest) -> RestReply:
        assert request.headers["authorization"].startswith("Bearer ")
        subject = "somebody else" if self.lie == "userinfo-invalid-sub" else self.subject
        return _json({"sub": subject, **self.userinfo})

    def id_token(self, nonce: str, **more: Any) -> str:
        """Return an ID token."""
        now = int(self.now().timestamp())
        claims: Json = {
            "iss": self.issuer, "sub": self.subject, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            "sid": "sid-1",
        } | self.claims | more  # fmt: skip
        header = {"alg": self.algorithm, "kid": self.key}
        return self._signed(header, claims)

    def logout_token(self, **more: Any) -> str:
        """Return a logout token; None for a claim leaves it out."""
        now = int(self.now().timestamp())
        claims: Json = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": secrets.token_hex(8),
            "sid": "sid-1", "sub": self.subject, "events": {EVENT: {}},
        } | more  # fmt: skip
        header = {"alg": "RS256", "kid": "rsa", "typ": "logout+jwt"}
        kept = {name: value for name, value in claims.items() if value is not None}
        return signed(header, json.dumps(kept).encode(), keys()["rsa"])

    def _signed(self, header: Json, claims: Json) -> str:
        if self.lie in WHOLE_LIES:
            return WHOLE_LIES[self.lie](header, claims)
        change = LIES.get(self.lie)
        if change is not None:
            change(header, claims)
        return signed(header, json.dumps(claims).encode(), keys()[self.key])


def _json(body: Json, status: int = 200) -> RestReply:
    return RestReply(status=status, body=json.dumps(body).encode())
