"""Every type of event that other systems can receive: one entry each, from which all lists of them come.

``event_schemas.py`` makes of it what the contract says: JSON schemas, OpenAPI webhooks and AsyncAPI.

An event is caused by an entry of the access log, which is written in the transaction of its cause. It has ids and codes
of that entry alone; a receiver reads the rest with its own key, and the log sees that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType

#: What an event is about, the name of its id in ``data``.
Subject = Literal[
    "recording",
    "link",
    "hold",
    "consent",
    "request",
    "approval",
    "account",
    "connection",
    "integration",
    "destination",
]
#: The fields of a log entry that ``data`` may have.
LeafField = Literal["recording_id", "link_id", "actor", "result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutwardType:
    """One type of event."""

    #: Its name, and that of the log entry that causes it.
    name: EventType
    subject: Subject
    #: What has happened.
    sentence: str
    #: The fields of ``data`` beside the account, and where in the log entry they are.
    data: Mapping[str, LeafField]
    #: Whether it is sent as it was although the recording is erased since; else it is sent as superseded.
    outlives_erasure: bool
    #: An example of ``data``, beside the account.
    example: Mapping[str, str]


_RECORDING: Final[Mapping[str, LeafField]] = {"recording": "recording_id"}
_WITH_REASON: Final[Mapping[str, LeafField]] = {"recording": "recording_id", "reason": "result"}
_LINK: Final[Mapping[str, LeafField]] = {"link": "link_id", "recording": "recording_id"}
_A_RECORDING: Final = {"recording": "rec_0f8c2b6ad1e94c52a7d3b1f05e6c9a84"}
_A_LINK: Final = {"link": "lnk_6a1f0c2b9d3e4857", **_A_RECORDING}
_A_REQUEST: Final = {"request": "req_3b9e5d7c1a2f4068"}
_A_CHECKPOINT: Final = (
    "vault.example.com/access-log\n4712\nBnFFr6Bs6wvJUyhHBYF2M9kBdr5rtkoBoRLSbf3rOXo=\n\n"
    "\u2014 vault.example.com/access-log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1g\n"
)
_A_HOLD: Final = {"hold": "hold_7c2d1e9b4a3f5860"}


def _recording(
    name: EventType, sentence: str, *, reason: str | None = None, ends: bool = False
) -> OutwardType:
    return OutwardType(
        name=name,
        subject="recording",
        sentence=sentence,
        data=_RECORDING if reason is None else _WITH_REASON,
        outlives_erasure=ends,
        example=_A_RECORDING if reason is None else {**_A_RECORDING, "reason": reason},
    )


def _link(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="link", sentence=sentence, data=_LINK, outlives_erasure=False, example=_A_LINK
    )


def _request(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="request", sentence=sentence, data={"request": "result"}, outlives_erasure=True,
        example=_A_REQUEST,
    )  # fmt: skip


def _consent(name: EventType, sentence: str, data: Mapping[str, LeafField], **example: str) -> OutwardType:
    return OutwardType(
        name=name, subject="consent", sentence=sentence, data=data, outlives_erasure=True, example=example
    )


def _hold(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="hold", sentence=sentence, data={"hold": "result"}, outlives_erasure=True,
        example=_A_HOLD,
    )  # fmt: skip


def _approval(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="approval", sentence=sentence, data={"approval": "result"}, outlives_erasure=True,
        example={"approval": "appr_8d3f6b1e5c7a2904"},
    )  # fmt: skip


def _closure(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="account", sentence=sentence, data={"request": "result"}, outlives_erasure=True,
        example=_A_REQUEST,
    )  # fmt: skip


def _connection(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="connection", sentence=sentence, data={"connection": "result"},
        outlives_erasure=True, example={"connection": "conn_4e9b2d7f1a6c8053"},
    )  # fmt: skip


def _integration(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="integration", sentence=sentence, data={"integration": "result"},
        outlives_erasure=True, example={"integration": "int_7a2e5c9f1b4d8036"},
    )  # fmt: skip


def _destination(name: EventType, sentence: str) -> OutwardType:
    return OutwardType(
        name=name, subject="destination", sentence=sentence, data={"destination": "result"},
        outlives_erasure=True, example={"destination": "events/ep_1d4f7a9c2e6b8035"},
    )  # fmt: skip


_TYPES: Final = (
    _recording("recording.available", "A recording can be played."),
    _recording(
        "recording.quarantined", "A recording lacks evidence of consent, and waits.", reason="no_evidence"
    ),
    _recording("recording.refused", "A recording is not kept.", reason="switched_off"),
    _recording("recording.failed", "A recording could not be stored.", reason="not_fetched"),
    _recording("recording.restricted", "A recording can be played for legal claims alone.", reason="admin"),
    _recording("recording.unrestricted", "A restriction was lifted."),
    _recording("recording.redacted", "Spans of a recording's audio were removed; the rest is as before."),
    _recording(
        "recording.erasing", "The keys of a recording are deleted: nobody can play it any more.", ends=True
    ),
    _recording("recording.erased", "Every object of a recording is deleted.", ends=True),
    _recording("recording.tampered", "The stored data of a recording is not what was sealed."),
    _recording("recording.missing", "The audio of a recording is not in the object store."),
    OutwardType(
        name="retention.due_soon",
        subject="recording",
        sentence="Its retention period ends within 30 days, and then it is erased.",
        data={"recording": "recording_id", "due": "result"},
        outlives_erasure=False,
        example={**_A_RECORDING, "due": "2026-03-05"},
    ),
    _recording("retention.due", "Its retention period ended, and a person must review it."),
    _link("link.created", "A link to a recording was created."),
    _link("playback.open", "A link was opened."),
    _link("link.revoked", "A link was revoked."),
    OutwardType(
        name="access.unusual",
        subject="link",
        sentence="Somebody heard or downloaded unusually many recordings in an hour.",
        data={"actor": "actor", "recordings": "result"},
        outlives_erasure=True,
        example={"actor": "link_6a1f0c2b9d3e4857", "recordings": "64"},
    ),
    _hold("hold.placed", "A hold was placed."),
    _hold("hold.released", "A hold was released."),
    _consent(
        "consent.told",
        "A party consented, declined or withdrew.",
        {"answer": "result"},
        answer="caller_declined",
    ),
    _consent("objection.entered", "A number was entered that objects to every recording.", {}),
    _consent("objection.ended", "An objection was ended.", {}),
    _consent("policy.changed", "The consent policy was changed.", {}),
    _consent(
        "notice.published", "A notice was published.", {"notice": "result"}, notice="ntc_5e8a1c7d3b9f2046"
    ),
    _consent("notice.retired", "A notice was retired.", {"notice": "result"}, notice="ntc_5e8a1c7d3b9f2046"),
    OutwardType(
        name="switch.changed",
        subject="account",
        sentence="The recording switch was turned on or off.",
        data={"switch": "result"},
        outlives_erasure=True,
        example={"switch": "off"},
    ),
    OutwardType(
        name="key.rotated",
        subject="account",
        sentence="The account has a new key.",
        data={"version": "result"},
        outlives_erasure=True,
        example={"version": "2"},
    ),
    _request("request.received", "A request of a person was received."),
    _request("request.verified", "The identity of its person was verified."),
    _request("request.paused", "Its deadline was paused."),
    _request("request.resumed", "Its deadline goes on."),
    _request("request.extended", "Its deadline was extended."),
    _request("request.decided", "It was decided."),
    _request("request.withdrawn", "It was withdrawn."),
    _request("request.closed", "It is closed."),
    _approval("approval.requested", "A second person must approve something."),
    _approval("approval.approved", "It was approved."),
    _approval("approval.vetoed", "It was vetoed."),
    _approval("approval.expired", "Nobody decided in time."),
    _approval("approval.executed", "What was approved was done."),
    _approval("approval.break_glass", "It was approved in an emergency, without a second person."),
    _closure("account.closure_asked", "The account will be closed at the date of the request."),
    _closure("account.closure_withdrawn", "It will not be closed."),
    _closure("account.closed", "The account is closed: it records and plays nothing any more."),
    OutwardType(
        name="log.checkpoint",
        subject="account",
        sentence="The access log has grown, and this signs what it is now.",
        data={"checkpoint": "result"},
        outlives_erasure=True,
        example={"checkpoint": _A_CHECKPOINT},
    ),
    _connection("connection.silent", "A platform that sent webhooks has sent none for unusually long."),
    _connection("connection.needs_authorization", "A platform refuses the credentials of its connection."),
    _integration("integration.needs_authorization", "A system refuses the key of its integration."),
    _integration("integration.ended", "An integration has ended."),
    _destination("destination.failing", "A receiver has taken nothing for an hour, or for a day."),
    _destination(
        "destination.disabled", "A receiver was switched off: it failed for five days, or answered 410."
    ),
)
OUTWARD_TYPES: Final[Mapping[str, OutwardType]] = {one.name: one for one in _TYPES}
#: Stands for every type, also those of later releases.
EVERY_TYPE: Final = "*"


def data_of(event: AccessEvent) -> dict[str, str] | None:
    """Return ``data`` of the event that a log entry causes, without the account; None if it causes none."""
    kind = OUTWARD_TYPES.get(event.type)
    if kind is None or event.account_id is None:
        return None
    fields = {name: getattr(event, source) for name, source in kind.data.items()}
    return {name: str(value) for name, value in fields.items() if value is not None}
