"""Wraps a secret under a named key, such as a recording, detail or index key under an account key.

Stored as version, IV, ciphertext and tag; see FORMAT.md. The key's name and the context are in the AAD, so a wrapped
key that was moved to another row, or is opened under another key name, fails to decrypt. IVs are random: one key
may wrap 2**32 secrets (NIST SP 800-38D, section 8.3).
"""

import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.errors import Tampered
from vault.sealing import context as contexts
from vault.sealing.fields import prefixed
from vault.sealing.keys import NamedKey

VERSION = b"\x01"
#: Separates the AAD of this format from that of every other format.
LABEL = b"callvault/wrap/v1"
IV_BYTES = 12
#: Bytes that wrapping adds to a secret.
OVERHEAD = len(VERSION) + IV_BYTES + 16


def wrap(key: NamedKey, secret: bytes, context: Mapping[str, str]) -> bytes:
    """Wrap ``secret`` under ``key``, bound to ``context``; the result is OVERHEAD bytes longer.

    Raises ValueError for a context that cannot be serialised.
    """
    iv = secrets.token_bytes(IV_BYTES)
    return VERSION + iv + AESGCM(key.secret).encrypt(iv, secret, _aad(key, context))


def unwrap(key: NamedKey, wrapped: bytes, context: Mapping[str, str]) -> bytes:
    """Unwrap a secret. Raises Tampered for another key, name or context, and for changed bytes."""
    if len(wrapped) < OVERHEAD or wrapped[: len(VERSION)] != VERSION:
        raise Tampered("The wrapped key is too short or has another format version.")
    iv, sealed = wrapped[len(VERSION) : len(VERSION) + IV_BYTES], wrapped[len(VERSION) + IV_BYTES :]
    try:
        return AESGCM(key.secret).decrypt(iv, sealed, _aad(key, context))
    except InvalidTag:
        raise Tampered("The wrapped key cannot be decrypted under this key and context.") from None


def _aad(key: NamedKey, context: Mapping[str, str]) -> bytes:
    """Return the additional authenticated data: label, key name and context."""
    name = prefixed(key.namespace.encode()) + prefixed(key.name.encode())
    return LABEL + name + contexts.serialise(context)
