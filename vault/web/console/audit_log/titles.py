"""What each type of event is called on the page of the log, and the groups in which its filter has them."""

from collections.abc import Mapping
from typing import Final

from vault.domain.audit_log.event_types.accounts import ACCOUNT_EVENTS
from vault.domain.audit_log.event_types.consent import CONSENT_EVENTS
from vault.domain.audit_log.event_types.outbox import OUTBOX_EVENTS
from vault.domain.audit_log.event_types.playback import PLAYBACK_EVENTS
from vault.domain.audit_log.event_types.recordings import RECORDING_EVENTS
from vault.domain.audit_log.event_types.rights import RIGHTS_EVENTS
from vault.domain.audit_log.event_types.table import EVENT_TYPES
from vault.web.http.translations import translatable, translated

_TITLES: Final[dict[str, str]] = translatable(
    {
        "recording.available": "Recording available",
        "recording.quarantined": "Recording quarantined",
        "recording.refused": "Recording refused",
        "recording.failed": "Recording failed",
        "recording.conflict": "Recording received again with different audio",
        "recording.sent_again": "Recording received again after a failure",
        "recording.restricted": "Recording restricted",
        "recording.unrestricted": "Restriction lifted",
        "recording.redacted": "Spans of the audio removed",
        "redaction.dismissed": "Proposal to remove keyed digits dismissed",
        "card_data.changed": "What is done about card data changed",
        "card_data.back_fill": "Search for card data in earlier recordings",
        "recording.erasing": "Erasure of a recording began",
        "recording.erased": "Recording erased",
        "recording.objects_deleted": "Objects of a recording deleted",
        "recording.tampered": "Stored data of a recording is not what was sealed",
        "recording.missing": "Audio of a recording is missing in the object store",
        "call.erased": "Facts of a call erased",
        "call.pending_erasure": "Erasure of a call's facts waits",
        "recording.missed": "Recording found in the platform's list, without a webhook",
        "source.deleted": "Platform's copy deleted",
        "source.delete_failed": "Platform's copy could not be deleted yet",
        "source.kept": "Platform's copy kept",
        "evidence.read": "Evidence read",
        "recording.paused": "Recording paused during the call",
        "recording.resumed": "Recording goes on after a pause",
        "recording.pending_erasure": "Erasure of a recording waits",
        "recording.contact_ended": "Contact ended",
        "recording.contact_end_withdrawn": "End of a contact taken back",
        "details.read": "Recording opened in the console",
        "note.made": "Note made",
        "note.changed": "Note changed",
        "note.deleted": "Note deleted",
        "note.read": "Notes of former listeners read",
        "metadata.changed": "Metadata changed",
        "link.created": "Link created",
        "link.revoked": "Link revoked",
        "link.cut": "Links made before a time cut off",
        "link_key.registered": "Key for signed links registered",
        "link_key.changed": "Key for signed links changed",
        "link_key.deleted": "Key for signed links deleted",
        "playback.open": "Link opened",
        "playback.grant": "Part of the audio granted",
        "playback.end": "Part of the audio sent",
        "playback.heard": "Part of the audio played, as the player reports",
        "playback.denied": "Link not opened",
        "download.grant": "Part of a file granted",
        "download.end": "Part of a file sent",
        "waveform.read": "Waveform read",
        "access.unusual": "Unusually many recordings opened",
        "key.created": "API key created",
        "key.revoked": "API key revoked",
        "key.exported": "Key of a recording exported by the operator",
        "key.rotated": "Account key renewed",
        "key.rewrapped": "Recording keys wrapped under the new account key",
        "key.destroyed": "Old account key destroyed",
        "vault.restored": "Vault restored by its operator",
        "log.database_went_back": "Database had lost entries of the log",
        "log.checkpoint": "Checkpoint of the log told to a receiver",
        "store.went_back": "Object store had lost entries of the log",
        "account.opened": "Account opened",
        "account.changed": "Account changed",
        "account.closure_asked": "Closure of the account asked for",
        "account.closure_withdrawn": "Closure of the account withdrawn",
        "account.closed": "Account closed",
        "account.moved": "Account moved to another vault",
        "account.keys_destroyed": "Keys of the account destroyed here, after its move",
        "account.arrived": "Account came from another vault",
        "callback.changed": "Callback of requests changed",
        "callback.deleted": "Callback of requests deleted",
        "event_endpoint.changed": "Event endpoint changed",
        "event_endpoint.deleted": "Event endpoint deleted",
        "event_endpoint.replayed": "Events sent again to an endpoint",
        "event_endpoint.tested": "Event endpoint tested",
        "connection.changed": "Connection changed",
        "connection.deleted": "Connection deleted",
        "connection.silent": "Platform silent for unusually long",
        "connection.needs_authorization": "Platform refuses the credentials of its connection",
        "switch.changed": "Recording switched on or off",
        "console.signed_in": "Signed in to the console",
        "console.refused": "Sign-in to the console refused",
        "console.ended": "Session of the console ended",
        "sign_in.changed": "Sign-in connection changed",
        "sign_in.deleted": "Sign-in connection deleted",
        "role.granted": "Role given",
        "role.revoked": "Role taken away",
        "member.removed": "Member removed",
        "member.readmitted": "Member let in again",
        "member.invited": "Member invited",
        "member.changed": "Member changed",
        "invitation.issued": "Address for a passkey issued",
        "invitation.ended": "Address for a passkey used or revoked",
        "passkey.added": "Passkey added",
        "passkey.removed": "Passkey removed",
        "provisioning.changed": "Provisioning changed",
        "provisioning.deleted": "Provisioning deleted",
        "provisioning_token.created": "Token of a directory made",
        "provisioning_token.revoked": "Token of a directory revoked",
        "provisioned_user.changed": "Person of the directory changed",
        "provisioned_user.activated": "Person of the directory may sign in",
        "provisioned_user.deactivated": "Person has left the directory",
        "provisioned_group.changed": "Group of the directory changed",
        "provisioned_group.deleted": "Group of the directory deleted",
        "policy.changed": "Consent policy changed",
        "objection.entered": "Objection entered",
        "objection.ended": "Objection withdrawn",
        "consent.told": "Announcement or answer of a party reported",
        "notice.drafted": "Notice drafted",
        "notice.changed": "Notice changed",
        "notice.deleted": "Notice deleted",
        "notice.published": "Notice published",
        "notice.retired": "Notice retired",
        "request.received": "Request of a person received",
        "request.verified": "Identity of a requester verified",
        "request.paused": "Deadline of a request paused",
        "request.resumed": "Deadline of a request runs again",
        "request.extended": "Deadline of a request extended",
        "request.decided": "Request decided",
        "request.withdrawn": "Request withdrawn",
        "request.closed": "Request closed",
        "receipt.made": "Receipt of a request made",
        "export.made": "Package for a person made",
        "export.read": "Package for a person downloaded",
        "export.deleted": "Package for a person deleted",
        "hold.placed": "Hold placed",
        "hold.release_asked": "Release of a hold asked for",
        "hold.released": "Hold released",
        "retention.changed": "Retention policy changed",
        "retention.due_soon": "Retention period ends soon",
        "retention.due": "Retention period ended",
        "retention.paused": "Erasure by retention paused",
        "retention.resumed": "Erasure by retention resumed",
        "processing_record.changed": "Record of processing changed",
        "recipient.entered": "Recipient entered",
        "recipient.changed": "Recipient changed",
        "recipient.ended": "Recipient ended",
        "authority.received": "Request of an authority entered",
        "authority.changed": "Request of an authority changed",
        "authority.answered": "Request of an authority answered",
        "approval.requested": "Approval asked for",
        "approval.approved": "Approved",
        "approval.vetoed": "Not approved",
        "approval.expired": "Time for an approval ended",
        "approval.executed": "Approved act carried out",
        "approval.break_glass": "Act carried out in an emergency without approval",
        "approval_rule.tightened": "Approval rule made stricter",
        "approval_rule.loosened": "Approval rule made looser",
        "step_up.required": "Verification for weighty acts required",
        "step_up.lifted": "Verification for weighty acts not required any more",
        "integration.changed": "Integration changed",
        "integration.removing": "Integration being ended, with what it handed over",
        "integration.ended": "Integration ended",
        "integration.needs_authorization": "System refuses the credentials of its integration",
        "integration.back_filled": "Earlier calls handed over",
        "integration.revoked": "Grant of an ended integration revoked, or given up",
        "handover.looked_up": "Number looked up in another system",
        "handover.sent": "Call handed over to another system",
        "handover.stands": "Record stands in another system",
        "handover.updated": "Record in another system changed",
        "handover.removed": "Record removed from another system",
        "handover.held": "Call not handed over",
        "handover.decided": "Contact for a hand-over chosen",
        "message.sent": "Message sent to a receiver",
        "message.accepted": "Message taken by its receiver",
        "message.superseded": "Message not sent any more",
        "message.given_up": "Message given up",
        "destination.failing": "Receiver takes no messages",
        "destination.disabled": "Receiver switched off",
    }
)
if missing := sorted({*EVENT_TYPES} ^ {*_TITLES}):
    raise LookupError(
        f"Types of events without a title on the page of the log, or titles of no type: {', '.join(missing)}."
    )

_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "recordings": frozenset(RECORDING_EVENTS),
    "listening": frozenset(PLAYBACK_EVENTS),
    "account": frozenset(ACCOUNT_EVENTS),
    "consent": frozenset(CONSENT_EVENTS),
    "rights": frozenset(RIGHTS_EVENTS),
    "messages": frozenset(OUTBOX_EVENTS),
}
_GROUP_WORDS: Final[dict[str, str]] = translatable(
    {
        "recordings": "Recordings",
        "listening": "Links and listening",
        "account": "Account, keys and people",
        "consent": "Consent and notices",
        "rights": "Requests, holds, retention and approvals",
        "messages": "Messages to other systems",
    }
)


def title(name: str) -> str:
    """Return what an event of this type is called; a type of a later release is its own name."""
    return translated(_TITLES.get(name, name))


def types_of(choice: str) -> list[str]:
    """Return the types of a choice of the filter: a type, or all of a group."""
    return sorted(_GROUPS[choice]) if choice in _GROUPS else [choice]


def choices() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return the groups of the filter in order: code, words, and the pairs of a type and its title."""
    return [
        (
            code,
            translated(_GROUP_WORDS[code]),
            sorted(((one, title(one)) for one in types), key=lambda pair: pair[1]),
        )
        for code, types in _GROUPS.items()
    ]
