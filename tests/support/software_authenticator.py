"""An authenticator in software, written by the standard (WebAuthn Level 3, section 6) and not by the vault's library.

Each field of its answers can be made wrong.
"""

import hashlib
import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from vault.domain.base64url import encode_base64url

#: User present, user verified, backup eligible, backed up, attested credential data.
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def cbor(value: Any) -> bytes:
    """Encode integers, bytes, texts and maps (RFC 8949)."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(one) for key, one in value.items())


def _head(major: int, number: int) -> bytes:
    for size, code, kind in ((24, None, "B"), (1 << 8, 24, "B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I")):
        if number < size:
            if code is None:
                return bytes([major << 5 | number])
            return bytes([major << 5 | code]) + struct.pack(kind, number)
    raise ValueError(number)


@dataclass
class SoftwareAuthenticator:
    """A device with one passkey."""

    domain: str = "localhost"
    origin: str = "http://localhost:8000"
    algorithm: int = -7
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    flags: int = UP | UV
    #: 0: it does not count.
    count: int = 0
    #: Takes the place of fields of the client's data.
    client: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the key."""
        self.private: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if self.algorithm == -7
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    @property
    def cose(self) -> dict[int, Any]:
        """Return the public key."""
        numbers = self.private.public_key().public_numbers()
        if self.algorithm == -7:
            return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        return {1: 3, 3: self.algorithm, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)}

    def make(self, challenge: bytes, *, cose: bytes | None = None) -> str:
        """Answer ``navigator.credentials.create``, as the page sends it."""
        key = cbor(self.cose) if cose is None else cose
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + key
        data = self._authenticator_data(self.flags | AT) + attested
        client = self._client_data("webauthn.create", challenge)
        attestation = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._sent(clientDataJSON=client, attestationObject=attestation)

    def use(self, challenge: bytes, *, handle: bytes | None = None) -> str:
        """Answer ``navigator.credentials.get``, as the page sends it."""
        self.count += bool(self.count)
        data, client = self._authenticator_data(self.flags), self._client_data("webauthn.get", challenge)
        message = data + hashlib.sha256(client).digest()
        if self.algorithm == -7:
            signature = self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        else:
            signature = self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        more = {} if handle is None else {"userHandle": handle}
        return self._sent(clientDataJSON=client, authenticatorData=data, signature=signature, **more)

    def _authenticator_data(self, flags: int) -> bytes:
        return hashlib.sha256(self.domain.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client_data(self, kind: str, challenge: bytes) -> bytes:
        said = {"type": kind, "challenge": encode_base64url(challenge), "origin": self.origin}
        return json.dumps(said | {"crossOrigin": False} | dict(self.client)).encode()

    def _sent(self, **response: bytes) -> str:
        fields = {name: encode_base64url(value) for name, value in response.items()}
        sent = {"type": "public-key", "rawId": encode_base64url(self.credential_id), "response": fields}
        return json.dumps(sent)
