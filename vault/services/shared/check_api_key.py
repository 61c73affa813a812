"""Check the text of an API key, ``cv_<id>_<secret>``, against the row that has the hash of its secret."""

import hmac
from typing import Final

from vault.database.stores.playback.hot_reads import KeyWithAccount
from vault.domain.ids import Token
from vault.errors import NotAuthentic

PREFIX: Final = "cv_"
_MAX_LENGTH: Final = 256


def split_key(text: str) -> tuple[str, str]:
    """Return the id and the secret in an API key; both are empty if the text is not one."""
    if not text.startswith(PREFIX) or len(text) > _MAX_LENGTH or not text.isascii():
        return "", ""
    identifier, _, secret = text.removeprefix(PREFIX).partition("_")
    return f"key_{identifier}", secret


def require_authentic(found: KeyWithAccount | None, secret: str) -> KeyWithAccount:
    """Return the key if the secret is right and it is not revoked. Raises NotAuthentic, the same for every reason."""
    expected = found.secret_hash if found else Token("").digest
    same = hmac.compare_digest(Token(secret).digest, expected)
    if found is None or not same or found.key.revoked_at is not None:
        raise NotAuthentic("This API key is not valid.")
    return found
