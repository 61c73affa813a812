"""What gives a right: each kind of permission, what its holder can do with it, and the check of who makes one.

Nobody gives away what he may not do himself. An event that is neither in ``GRANTORS`` nor in ``GRANTS_NOTHING`` fails
``tests/domain/test_grantors.py``, so a new kind of permission says here what it gives.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from vault.domain.accounts.account import SCOPES, Scope
from vault.domain.accounts.roles import SCOPES_OF_ROLE, scopes_of
from vault.domain.audit_log.access_event import EventType

GrantorName = Literal[
    "api_key", "role", "readmission", "link_key", "link", "session", "console_session", "approval", "package",
    "connection", "policy",
]  # fmt: skip
#: Whether somebody has a scope.
Allows = Callable[[Scope], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grantor:
    """A kind of permission."""

    #: The events with which it begins, or becomes wider.
    events: frozenset[EventType]
    #: The scope of the doors where it is made; None: whoever holds another permission uses it.
    door: Scope | None
    #: The scopes that do what every one of its holders can do.
    always: frozenset[Scope] = frozenset()
    #: Further scopes that one of this kind can give, as its maker chooses.
    chosen: frozenset[Scope] = frozenset()


GRANTORS: Final[Mapping[GrantorName, Grantor]] = {
    "api_key": Grantor(events=frozenset({"key.created"}), door="keys:write", chosen=frozenset(SCOPES)),
    "role": Grantor(
        events=frozenset({"sign_in.changed", "role.granted"}),
        door="keys:write",
        chosen=scopes_of(SCOPES_OF_ROLE),
    ),
    # With any role that the account's sign-in connections give: which, the provider says at the next sign-in.
    "readmission": Grantor(
        events=frozenset({"member.readmitted"}), door="keys:write", chosen=scopes_of(SCOPES_OF_ROLE)
    ),
    # Whoever has the private key signs links to every recording, also to be downloaded.
    "link_key": Grantor(
        events=frozenset({"link_key.registered", "link_key.changed"}),
        door="keys:write",
        always=frozenset({"links:write"}),
    ),
    # A link for legal claims plays what is restricted, one for the check of consent what is in quarantine.
    "link": Grantor(
        events=frozenset({"link.created"}),
        door="links:write",
        always=frozenset({"links:write"}),
        chosen=frozenset({"privacy:write", "quarantine:listen"}),
    ),
    # Less than the link with which it is opened.
    "session": Grantor(events=frozenset({"playback.open"}), door=None),
    # What the API key or the roles give, with which somebody signs in.
    "console_session": Grantor(events=frozenset({"console.signed_in"}), door=None, chosen=frozenset(SCOPES)),
    # The act that somebody asked for, which both may do.
    "approval": Grantor(
        events=frozenset({"approval.approved", "approval.break_glass"}),
        door="approvals:write",
        chosen=frozenset(SCOPES),
    ),
    # The data of a person, with sound: privacy:write decides on the request, and downloads.
    "package": Grantor(
        events=frozenset({"export.made"}), door="privacy:write", always=frozenset({"privacy:write"})
    ),
    # Whoever has the webhook secret reports calls, what their parties answer, and recordings, as ingest does.
    "connection": Grantor(
        events=frozenset({"connection.changed"}),
        door="settings:write",
        always=frozenset({"settings:write", "ingest"}),
    ),
    # With one that erases what a party takes back, whoever reports consent erases.
    "policy": Grantor(
        events=frozenset({"policy.changed"}), door="settings:write", chosen=frozenset({"privacy:write"})
    ),
}

#: Events by which nobody may do more than before.
GRANTS_NOTHING: Final[frozenset[EventType]] = frozenset(
    {
        "recording.available", "recording.quarantined", "recording.refused", "recording.failed",
        "recording.conflict", "recording.sent_again", "recording.restricted", "recording.unrestricted",
        "recording.erasing", "recording.erased", "recording.objects_deleted", "recording.tampered",
        "recording.missing", "call.erased", "call.pending_erasure", "recording.missed",
        "source.deleted", "source.delete_failed", "source.kept",
        "link.revoked", "link.cut", "link_key.deleted",
        "playback.grant", "playback.end", "playback.denied",
        "download.grant", "download.end", "waveform.read",
        "key.revoked", "key.exported", "key.rotated", "key.rewrapped", "key.destroyed",
        "vault.restored", "log.database_went_back", "store.went_back",
        "account.opened", "account.changed", "account.closure_asked", "account.closure_withdrawn", "account.closed",
        "callback.changed", "callback.deleted",
        "connection.deleted", "switch.changed",
        "objection.entered", "objection.ended", "consent.told", "evidence.read",
        "recording.paused",
        "request.received", "request.verified", "request.paused", "request.resumed", "request.extended",
        "request.decided", "request.withdrawn", "request.closed", "receipt.made", "export.read", "export.deleted",
        "notice.drafted", "notice.changed", "notice.deleted", "notice.published", "notice.retired",
        "hold.placed", "hold.release_asked", "hold.released", "recording.pending_erasure",
        "recording.contact_ended", "recording.contact_end_withdrawn",
        "retention.changed", "retention.due", "retention.paused", "retention.resumed",
        "processing_record.changed", "recipient.entered", "recipient.changed", "recipient.ended",
        "authority.received", "authority.changed", "authority.answered",
        "details.read", "note.made", "note.changed", "note.deleted", "note.read",
        "console.refused", "console.ended",
        "approval.requested", "approval.vetoed", "approval.expired", "approval.executed",
        "approval_rule.tightened", "approval_rule.loosened",
        "sign_in.deleted", "role.revoked", "member.removed",
    }
)  # fmt: skip


def scopes_beyond(kind: GrantorName, allows: Allows, chosen: Iterable[Scope] = ()) -> list[Scope]:
    """Return, in order, what a new permission would give and its maker may not do; none if it may be made.

    ``chosen``: what this one gives besides what all of its kind give. Raises ValueError for what none of its kind can.
    """
    wanted, grantor = frozenset(chosen), GRANTORS[kind]
    if not wanted <= grantor.chosen:
        raise ValueError(f"The table of grantors does not say that {kind} gives {sorted(wanted)}.")
    return sorted(scope for scope in wanted | grantor.always if not allows(scope))
