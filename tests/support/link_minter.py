"""A customer's backend that signs links: keys, proofs of possession, and tokens, also wrong ones."""

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Minter:
    """One key of a customer, and the links that it signs."""

    private: Ed25519PrivateKey | EllipticCurvePrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    #: Set when it is registered.
    key_id: str = "lkey_" + "0" * 32
    audience: str = "http://127.0.0.1:8000"

    @classmethod
    def es256(cls) -> "Minter":
        """Return a customer with a key on P-256."""
        return cls(private=generate_private_key(SECP256R1()))

    @property
    def algorithm(self) -> str:
        """Return the name by which the key is registered."""
        return "Ed25519" if isinstance(self.private, Ed25519PrivateKey) else "ES256"

    @property
    def pem(self) -> str:
        """Return the public key."""
        key = self.private.public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, data: bytes) -> bytes:
        """Return the signature as JOSE has it."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(data)
        r, s = decode_dss_signature(self.private.sign(data, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def registration(self, challenge: str, **limits: Any) -> dict[str, Any]:
        """Return the body that registers the key."""
        proof = base64url(self.sign(challenge.encode()))
        return {
            "public_key": self.pem, "algorithm": self.algorithm, "challenge": challenge, "proof": proof,
        } | limits  # fmt: skip

    def claims(self, recording: str, **changed: Any) -> dict[str, Any]:
        """Return good claims, with changes; a change to None leaves the claim out."""
        now = int(time.time())
        good = {
            "aud": self.audience, "sub": recording, "iat": now, "exp": now + 600, "jti": secrets.token_urlsafe(12),
        }  # fmt: skip
        return {name: value for name, value in (good | changed).items() if value is not None}

    def token(self, recording: str, **changed: Any) -> str:
        """Return a token with these claims."""
        return self.token_of(self.claims(recording, **changed))

    def token_of(self, claims: dict[str, Any] | bytes, header: dict[str, Any] | bytes | None = None) -> str:
        """Return a token of any header and payload, signed."""
        if header is None:
            header = {"alg": "EdDSA" if self.algorithm == "Ed25519" else "ES256", "kid": self.key_id}
        parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
        signed = ".".join(base64url(part) for part in parts)
        return f"{signed}.{base64url(self.sign(signed.encode()))}"
