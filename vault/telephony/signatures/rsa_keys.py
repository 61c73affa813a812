"""Checks of RSA private keys that an admin enters, with a bounded cost for any input.

OpenSSL's own check first tests both primes for primality, holds the GIL meanwhile (so a thread would not help), and
takes 0.35 s for 4,096 bits and half a minute for 16,384. For other key types, loading alone computes a
modular exponentiation of any size. So only PKCS #8 with the RSA algorithm id is loaded, without OpenSSL's check; then
its numbers are checked against each other, and the key signs a message that its public key verifies.
"""

import base64
import binascii
import re
import secrets
from typing import NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from vault.errors import Invalid

#: Bits of a key: less is not allowed for RS256 (RFC 7518, section 3.3), more takes too long to sign.
MIN_BITS, MAX_BITS = 2048, 4096
#: Maximum characters of a PEM text; a key of MAX_BITS has 3,300.
_MAX_PEM = 8192
_PEM = re.compile(r"-----BEGIN (RSA )?PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END (?:RSA )?PRIVATE KEY-----")
#: PKCS #8: version 0, and rsaEncryption as the algorithm (RFC 5208, section 5; RFC 8017, appendix A.1).
_RSA = bytes.fromhex("020100 300d06092a864886f70d0101010500")
_SEQUENCE, _OCTETS = 0x30, 0x04


def load_rsa_key(pem: str) -> rsa.RSAPrivateKey:
    """Load a key without checking it; ``check_rsa_key`` did when it was entered. Raises Invalid, ``private_key``."""
    der = _pkcs8(pem)
    try:
        key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        _refuse()
    if not isinstance(key, rsa.RSAPrivateKey):
        _refuse()
    return key


def check_rsa_key(pem: str) -> None:
    """Raise Invalid, field ``private_key``, unless this is an RSA key of MIN_BITS to MAX_BITS that can sign."""
    key = load_rsa_key(pem)
    if not MIN_BITS <= key.key_size <= MAX_BITS:
        _refuse(f" This key has {key.key_size} bits.")
    if not _is_consistent(key.private_numbers()):
        _refuse(" The numbers in this key are inconsistent.")
    message = secrets.token_bytes(32)
    try:
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        _refuse(" This key cannot sign.")


def _is_consistent(key: rsa.RSAPrivateNumbers) -> bool:
    """Check the numbers of a key against each other (RFC 8017, section 3.2).

    The first comparison also limits their size: p and q are not used before their product is known to be n.
    """
    n, e = key.public_numbers.n, key.public_numbers.e
    if not (1 < key.p < n and 1 < key.q < n and key.p * key.q == n and 1 < e < n and 1 < key.d < n):
        return False
    return (
        (key.d * e) % (key.p - 1) == (key.d * e) % (key.q - 1) == 1
        and key.dmp1 == key.d % (key.p - 1)
        and key.dmq1 == key.d % (key.q - 1)
        and key.iqmp < key.p
        and key.iqmp * key.q % key.p == 1
    )


def _pkcs8(pem: str) -> bytes:
    """Convert a PEM text to the PKCS #8 of an RSA key. Raises Invalid for anything else."""
    match = _PEM.search(pem) if len(pem) <= _MAX_PEM and pem.count("-----BEGIN") == 1 else None
    if match is None:
        _refuse()
    try:
        der = base64.b64decode("".join(match[2].split()), validate=True)
    except binascii.Error:
        _refuse()
    if match[1]:
        return _tagged(_SEQUENCE, _RSA + _tagged(_OCTETS, der))
    if _content(der)[: len(_RSA)] != _RSA:
        _refuse()
    return der


def _tagged(tag: int, content: bytes) -> bytes:
    """Encode a value in DER; two bytes of length are enough for a text of _MAX_PEM."""
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def _content(der: bytes) -> bytes:
    """Return the content of the outermost sequence; empty if it has at most 255 bytes, which no key has."""
    return der[4:] if der[:2] == bytes([_SEQUENCE, 0x82]) else b""


def _refuse(reason: str = "") -> NoReturn:
    raise Invalid(
        f"private_key must be an RSA key of {MIN_BITS} to {MAX_BITS} bits, in PEM and without a password.{reason} "
        "Make a new key pair, such as with `openssl genrsa 4096`, and give the platform its public key.",
        field="private_key",
    )
