"""Previews: what a change that erases something must carry."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.stored.json_reader import write_object
from vault.errors import Refused

#: How long a preview is good for.
PREVIEW_LIFETIME: Final = timedelta(hours=24)


def keep_preview(tx: Transaction, account_id: str, subject: str, shown: Mapping[str, object]) -> str:
    """Store the preview of a subject; return the digest that the change must carry."""
    now = tx.now()
    digest = hashlib.sha256(write_object({"subject": subject, "at": now, **shown})).hexdigest()
    tx.previews.add(account_id, digest, subject, at=now, old=now - PREVIEW_LIFETIME)
    return digest


def require_preview(tx: Transaction, account_id: str, subject: str, digest: str | None) -> None:
    """Raise Refused unless the digest is that of a preview of the same subject from the last day."""
    if digest is None:
        raise Refused(
            "This erases recordings earlier. Request the preview, and send its digest as Preview-Digest.",
            reasons=("preview_missing",),
        )
    at = tx.previews.shown_at(account_id, digest, subject)
    if at is None or at < tx.now() - PREVIEW_LIFETIME:
        raise Refused(
            "The digest is not that of a preview of this change from the last 24 hours. Request the preview again.",
            reasons=("preview_stale",),
        )
