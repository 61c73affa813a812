"""What somebody without a valid permission can write into the access log, which never ends, and how much of it.

Each type of event says here whether it needs a permission. Of those that need none the log takes an allowance of each
actor, such as a link, a sign-in connection or an API key: a burst of 100, and one more each minute. All are refused,
and the rest is counted. ``vault/database/stores/access_events.py`` asks before each event, whatever door it comes by.
One other place writes such an event: ``vault/database/stores/open_sessions.py``, which opens links in batches.
"""

from datetime import datetime, timedelta
from typing import Final

from vault.domain.audit_log.access_event import EventType

#: Rate limit of the refusals of one actor that are in the log: burst, and entries per hour.
DENIAL_BURST: Final = 100
DENIALS_PER_HOUR: Final = 60
#: After this an actor may write one more.
INTERVAL: Final = timedelta(hours=1) / DENIALS_PER_HOUR

#: Events that need no valid permission: somebody with a dead link, a revoked key or a nonsense code causes them.
NEEDS_NO_PERMISSION: Final[frozenset[EventType]] = frozenset({"playback.denied", "console.refused"})

#: Events for which somebody needs a valid key, session, link, signature or role, or which the vault makes by itself.
NEEDS_PERMISSION: Final[frozenset[EventType]] = frozenset(
    {
        "recording.available", "recording.quarantined", "recording.refused", "recording.failed",
        "recording.conflict", "recording.sent_again", "recording.restricted", "recording.unrestricted",
        "recording.erasing", "recording.erased", "recording.objects_deleted", "recording.tampered",
        "recording.missing", "call.erased", "call.pending_erasure", "recording.missed",
        "source.deleted", "source.delete_failed", "source.kept",
        "link.created", "link.revoked", "link.cut", "link_key.registered", "link_key.changed", "link_key.deleted",
        "playback.open", "playback.grant", "playback.end", "download.grant", "download.end", "waveform.read",
        "key.created", "key.revoked", "key.exported", "key.rotated", "key.rewrapped", "key.destroyed",
        "vault.restored", "log.database_went_back", "store.went_back",
        "account.opened", "account.changed", "account.closure_asked", "account.closure_withdrawn", "account.closed",
        "callback.changed", "callback.deleted", "connection.changed", "connection.deleted", "switch.changed",
        "policy.changed", "objection.entered", "objection.ended", "consent.told", "evidence.read",
        "recording.paused",
        "request.received", "request.verified", "request.paused", "request.resumed", "request.extended",
        "request.decided", "request.withdrawn", "request.closed", "receipt.made", "export.made", "export.read",
        "export.deleted",
        "notice.drafted", "notice.changed", "notice.deleted", "notice.published", "notice.retired",
        "hold.placed", "hold.release_asked", "hold.released", "recording.pending_erasure",
        "recording.contact_ended", "recording.contact_end_withdrawn",
        "retention.changed", "retention.due", "retention.paused", "retention.resumed",
        "processing_record.changed", "recipient.entered", "recipient.changed", "recipient.ended",
        "authority.received", "authority.changed", "authority.answered",
        "details.read", "note.made", "note.changed", "note.deleted", "note.read",
        "console.signed_in", "console.ended",
        "approval.requested", "approval.approved", "approval.vetoed", "approval.expired", "approval.executed",
        "approval.break_glass", "approval_rule.tightened", "approval_rule.loosened",
        "sign_in.changed", "sign_in.deleted", "role.granted", "role.revoked", "member.removed", "member.readmitted",
    }
)  # fmt: skip


def last_free(now: datetime) -> datetime:
    """Return until when an allowance may be used now and still has an event left."""
    return now + (DENIAL_BURST - 1) * INTERVAL


def denials_allowed(age: timedelta, max_age: timedelta) -> int:
    """Return how many refusals the log has in all of what opens for ``max_age`` at most, and is of this age."""
    life = min(max_age, max(timedelta(), age))
    return DENIAL_BURST + int(DENIALS_PER_HOUR * life.total_seconds() / 3600)
