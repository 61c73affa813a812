"""Previews and the second key: what a change that erases something must carry, and who must agree to it."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from vault.database.stores.second_keys import Approval
from vault.database.transaction import Transaction
from vault.domain.stored.json_reader import write_object
from vault.errors import NotFound, Refused

#: How long a preview is good for.
PREVIEW_LIFETIME: Final = timedelta(hours=24)


def keep_preview(tx: Transaction, account_id: str, subject: str, shown: Mapping[str, object]) -> str:
    """Store what was shown of a subject; return the digest that the change must carry."""
    now = tx.now()
    digest = hashlib.sha256(write_object({"subject": subject, "at": now, **shown})).hexdigest()
    tx.second_keys.add_preview(account_id, digest, subject, at=now, old=now - PREVIEW_LIFETIME)
    return digest


def require_preview(tx: Transaction, account_id: str, subject: str, digest: str | None) -> None:
    """Raise Refused unless the digest is that of a preview of the same subject from the last day."""
    if digest is None:
        raise Refused(
            "This erases recordings earlier. Request the preview, and send its digest as Preview-Digest.",
            reasons=("preview_missing",),
        )
    at = tx.second_keys.previewed_at(account_id, digest, subject)
    if at is None or at < tx.now() - PREVIEW_LIFETIME:
        raise Refused(
            "The digest is not that of a preview of this change from the last 24 hours. Request the preview again.",
            reasons=("preview_stale",),
        )


def require_second_key(tx: Transaction, approval: Approval, actor: str) -> None:
    """Raise Refused unless another key approves: one that neither issued the first nor was issued by it."""
    if approval.decided_at is not None:
        raise Refused("This was approved already.", reasons=("decided",))
    issued = actor in {approval.asked_by, tx.api_keys.creator_of(approval.asked_by)}
    if issued or tx.api_keys.creator_of(actor) == approval.asked_by:
        raise Refused(
            "Another API key must approve this, and neither of the two may have issued the other.",
            reasons=("same_key",),
        )


def open_approval(tx: Transaction, account_id: str, approval_id: str) -> Approval:
    """Return what was asked. Raises NotFound."""
    found = tx.second_keys.get(account_id, approval_id)
    if found is None:
        raise NotFound("There is no such approval.")
    return found


def is_recent(at: datetime, now: datetime) -> bool:
    """Return whether an approval that was asked for at ``at`` can still be given: after a week it is asked again."""
    return now - at <= timedelta(days=7)
