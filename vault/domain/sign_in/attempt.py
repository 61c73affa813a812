"""One attempt to sign in: state, nonce, PKCE verifier, the requests that have them, and the key that signs one.

Nonce and verifier are derived from a secret that only the browser has, in a cookie. The database has hashes of the
state and of that secret. So neither a stolen state nor a copy of the database completes somebody's sign-in.

The vault's own key at a provider signs the request for tokens in place of a secret (``private_key_jwt``; OpenID Connect
Core, section 9, and RFC 7523). The key pair is made by the vault and stored sealed with the settings of the connection;
the provider reads the public key from an address of the vault. ES256, which the providers in use know.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from joserfc import jws
from joserfc.jwk import ECKey

from vault.domain.base64url import encode_base64url
from vault.domain.ids import Token
from vault.domain.sign_in.provider_metadata import ProviderMetadata

#: Value of ``client_assertion_type`` (RFC 7523, section 2.2).
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHM: Final = "ES256"
#: How long a provider may take it; it is sent immediately, and clocks differ.
_ASSERTION_LIFE: Final = timedelta(minutes=1)
#: How long a person may take at the provider.
LIFE: Final = timedelta(minutes=10)
#: Where a sign-in ends if nothing else is asked for.
HOME: Final = "/console"
_PATH: Final = re.compile(r"/console(?:/[A-Za-z0-9_.~-]+)*(?:\?[A-Za-z0-9_.~=&%+-]*)?")
_MAX_PATH: Final = 512


def new_client_key() -> str:
    """Return a new private key as the text of a JWK (RFC 7517)."""
    key = ECKey.generate_key("P-256")
    return json.dumps(key.as_dict(private=True))


def public_key_set(client_key: str) -> Mapping[str, Any]:
    """Return the JWK set that the provider reads."""
    key = _loaded(client_key)
    public = key.as_dict(private=False, kid=key.thumbprint(), use="sig", alg=_ALGORITHM)
    return {"keys": [public]}


def client_assertion(client_key: str, *, client_id: str, audience: str, now: datetime) -> str:
    """Return a signed statement of the client's identity for a request of tokens, good for one minute and once.

    ``audience`` is the issuer and no address that its documents name, so that no other provider can pass it on.
    """
    key, issued = _loaded(client_key), int(now.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": Token.new().text,
        "iat": issued,
        "exp": issued + int(_ASSERTION_LIFE.total_seconds()),
    }
    header = {"alg": _ALGORITHM, "kid": key.thumbprint(), "typ": "JWT"}
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=[_ALGORITHM])


def _loaded(client_key: str) -> ECKey:
    return ECKey.import_key(json.loads(client_key))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attempt:
    """The secrets of one attempt. It has no repr."""

    #: Sent to the provider, and back in the browser's address.
    state: Token
    #: In the browser's cookie.
    secret: Token

    @classmethod
    def new(cls) -> "Attempt":
        """Begin an attempt."""
        return cls(state=Token.new(), secret=Token.new())

    @property
    def nonce(self) -> str:
        """Return the nonce, which the ID token must repeat."""
        return self._derived(b"nonce")

    @property
    def verifier(self) -> str:
        """Return the PKCE code verifier (RFC 7636)."""
        return self._derived(b"code verifier")

    @property
    def challenge(self) -> str:
        """Return the S256 code challenge of the verifier."""
        return encode_base64url(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: bytes) -> str:
        return encode_base64url(hmac.digest(self.secret.text.encode(), purpose, hashlib.sha256))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Client:
    """The vault as a client of a provider. It has no repr: it has a secret."""

    client_id: str
    #: None for a public client, which PKCE alone protects, and for one with a key of its own.
    client_secret: str | None
    redirect_uri: str
    scopes: Sequence[str]


def authorization_url(
    metadata: ProviderMetadata,
    client: Client,
    attempt: Attempt,
    *,
    fresh: bool = False,
    acr_values: Sequence[str] = (),
) -> str:
    """Return the address at the provider to which the browser goes.

    ``fresh``: the provider asks the person again, whatever session it has, in one of the ways that ``acr_values`` name
    (Core, section 3.1.2.1).
    """
    ways = {"acr_values": " ".join(acr_values)} if acr_values else {}
    query = urlencode(
        {
            **({"max_age": "0", **ways} if fresh else {}),
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": " ".join(client.scopes),
            "state": attempt.state.text,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
    )
    return _with_query(metadata.authorization_endpoint, query)


def end_session_url(metadata: ProviderMetadata, client_id: str) -> str | None:
    """Return the address at which a person ends the session at the provider (OpenID Connect RP-Initiated Logout 1.0).

    It names the client alone. The vault keeps no ID token to send as a hint, and an address to come back to would have
    to be entered at the provider: some show an error for one that is not.
    """
    if metadata.end_session_endpoint is None:
        return None
    return _with_query(metadata.end_session_endpoint, urlencode({"client_id": client_id}))


def _with_query(endpoint: str, query: str) -> str:
    bare = endpoint.partition("#")[0]
    return f"{bare}{'&' if '?' in bare else '?'}{query}"


def token_request(
    metadata: ProviderMetadata, client: Client, attempt: Attempt, code: str, *, assertion: str | None = None
) -> tuple[Mapping[str, str], bytes]:
    """Return headers and form of the request that exchanges the code for tokens.

    ``assertion``: signed by the client's key, in place of a secret.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": attempt.verifier,
    }
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    if assertion is not None:
        form |= {
            "client_id": client.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
    elif client.client_secret is None:
        form["client_id"] = client.client_id
    elif metadata.secret_in_form:
        form |= {"client_id": client.client_id, "client_secret": client.client_secret}
    else:
        # Both are encoded before they are joined (RFC 6749, section 2.3.1).
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return headers, urlencode(form).encode()


def own_path(path: str | None) -> str:
    r"""Return the asked path if it is a page of the console, else the console's first page.

    ``//evil.example`` and ``/\evil.example`` are addresses of another host for a browser.
    """
    if path is None or len(path) > _MAX_PATH or _PATH.fullmatch(path) is None:
        return HOME
    return HOME if "/.." in path or "/./" in path else path
