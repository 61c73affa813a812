"""The vault's own key at a provider: it signs the request for tokens in place of a secret (``private_key_jwt``).

OpenID Connect Core, section 9, and RFC 7523. The key pair is made by the vault and stored sealed with the settings of
the connection; the provider reads the public key from an address of the vault. ES256, which the providers in use know.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jws
from joserfc.jwk import ECKey

from vault.domain.ids import Token

#: Value of ``client_assertion_type`` (RFC 7523, section 2.2).
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHM: Final = "ES256"
#: How long a provider may take it; it is sent immediately, and clocks differ.
_LIFE: Final = timedelta(minutes=1)


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
        "exp": issued + int(_LIFE.total_seconds()),
    }
    header = {"alg": _ALGORITHM, "kid": key.thumbprint(), "typ": "JWT"}
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=[_ALGORITHM])


def _loaded(client_key: str) -> ECKey:
    return ECKey.import_key(json.loads(client_key))
