"""The content that a closing act stores beside its leaf, and its JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, TypeVar

from vault.domain.accounts.account import SwitchChange
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import CLOSING, EventType
from vault.domain.field_types import FromOne
from vault.domain.playback.link_key import LinkCut
from vault.domain.recordings.recording import Recording
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.sign_in.step_up import StepUp
from vault.domain.stored.account_json import (
    StoredObjection,
    decode_approval_rule,
    decode_objection_fields,
    encode_approval_rule,
    encode_objection_fields,
)
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields
from vault.domain.stored.manifest import (
    Manifest,
    decode_manifest,
    decode_recording_fields,
    encode_manifest,
    encode_recording_fields,
)
from vault.domain.stored.request_rows import StoredRequest, decode_request_fields, encode_request_fields
from vault.domain.stored.retention_json import (
    StoredHold,
    decode_hold_fields,
    decode_version_fields,
    encode_hold_fields,
    encode_version_fields,
)
from vault.errors import Tampered

C = TypeVar("C")
#: Maximum weight of one object, so that acts do not make it large together: one of weight 1 has up to a kilobyte.
MAX_WEIGHT: Final = 200
#: An act without content; one whose references from a source may be long. One that names hundreds of calls or
#: thousands of recordings, or has dozens of classes, fills an object alone.
LIGHT: Final = 1
HEAVY: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRefusal:
    """A party's refusal, as in its row."""

    id: str
    call_ref: str
    heard_at: datetime
    sealed_event: bytes
    key_version: FromOne


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedCall:
    """A call whose facts were erased."""

    call_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentKind(Generic[C]):
    """A kind of content: what is stored beside the leaf, and its JSON."""

    #: In the entries of the event types (``vault/domain/audit_log/event_types``).
    name: str
    type: type[C]
    #: How much of an object one such act fills (``closing_acts.MAX_WEIGHT``).
    weight: int
    encode: Callable[[C], dict[str, Any]]
    #: Raises Tampered, also for content that is not of the event.
    decode: Callable[[Fields, AccessEvent], C]

    def of(self, content: object) -> C:
        """Return the content of an act of this kind. Raises TypeError for another."""
        if not isinstance(content, self.type):
            raise TypeError(f"The content of a closing act is no {self.name}.")
        return content


def _decode_nothing(fields: Fields, _event: AccessEvent) -> None:
    fields.done()


def _decode_switch(fields: Fields, _event: AccessEvent) -> SwitchChange:
    change = decode_fields(SwitchChange, fields)
    if change.enabled:
        raise Tampered("A closing act turns the switch on.")
    return change


def _decode_recording(fields: Fields, event: AccessEvent) -> Recording:
    recording = decode_recording_fields(fields)
    fields.done()
    if (recording.id, recording.account_id) != (event.recording_id, event.account_id):
        raise Tampered("The content and the event of a closing act have different recordings.")
    return recording


def _decode_manifest(fields: Fields, event: AccessEvent) -> Manifest:
    manifest = decode_manifest(fields.blob("manifest"))
    fields.done()
    if (manifest.recording.id, manifest.recording.account_id) != (event.recording_id, event.account_id):
        raise Tampered("The content and the event of a closing act have different recordings.")
    if event.evidence not in {digest for digest, _ in manifest.chain}:
        raise Tampered("The manifest in a closing act lacks the evidence of its event.")
    return manifest


def _named_by_result(
    decode: Callable[[Fields, str], C], name_of: Callable[[C], str], things: str
) -> Callable[[Fields, AccessEvent], C]:
    """Return the decoder of content of an account whose name is the result of its event."""

    def decode_named(fields: Fields, event: AccessEvent) -> C:
        content = decode(fields, event.account_id or "")
        if name_of(content) != event.result:
            raise Tampered(f"The content and the event of a closing act have different {things}.")
        return content

    return decode_named


NOTHING: Final[ContentKind[None]] = ContentKind(
    name="none", type=type(None), weight=LIGHT, encode=lambda _: {}, decode=_decode_nothing
)
SWITCH: Final = ContentKind(
    name="switch", type=SwitchChange, weight=HEAVY, encode=encode_fields, decode=_decode_switch
)
OBJECTION: Final = ContentKind(
    name="objection",
    type=StoredObjection,
    weight=HEAVY,
    encode=encode_objection_fields,
    decode=lambda fields, _: decode_objection_fields(fields),
)
TOLD: Final = ContentKind(
    name="told",
    type=ConsentRefusal,
    weight=HEAVY,
    encode=encode_fields,
    decode=lambda fields, _: decode_fields(ConsentRefusal, fields),
)
CALL: Final = ContentKind(
    name="call",
    type=ErasedCall,
    weight=HEAVY,
    encode=encode_fields,
    decode=lambda fields, _: decode_fields(ErasedCall, fields),
)
RECORDING: Final = ContentKind(
    name="recording",
    type=Recording,
    weight=HEAVY,
    encode=lambda recording: encode_recording_fields(replace(recording, audio=None, rendition=None)),
    decode=_decode_recording,
)
#: A recording as it is since: the object store may still have the manifest of before.
MANIFEST: Final = ContentKind(
    name="manifest",
    type=Manifest,
    weight=MAX_WEIGHT,
    encode=lambda one: {
        "manifest": encode_manifest(one.recording, one.keys, one.chain, one.metadata),
    },
    decode=_decode_manifest,
)
HOLD: Final = ContentKind(
    name="hold",
    type=StoredHold,
    weight=MAX_WEIGHT,
    encode=encode_hold_fields,
    decode=_named_by_result(decode_hold_fields, lambda stored: stored.hold.id, "holds"),
)
RETENTION: Final = ContentKind(
    name="retention",
    type=RetentionPolicy,
    weight=MAX_WEIGHT,
    encode=encode_version_fields,
    decode=_named_by_result(
        lambda fields, _: decode_version_fields(fields), lambda policy: f"v{policy.version}", "versions"
    ),
)
LINK_CUT: Final = ContentKind(
    name="link_cut",
    type=LinkCut,
    weight=HEAVY,
    encode=partial(encode_fields, without={"account_id"}),
    decode=_named_by_result(
        lambda fields, account_id: decode_fields(LinkCut, fields, account_id=account_id),
        lambda cut: cut.id,
        "cuts",
    ),
)
APPROVAL_RULE: Final = ContentKind(
    name="approval_rule",
    type=ApprovalRule,
    weight=HEAVY,
    encode=encode_approval_rule,
    decode=_named_by_result(
        lambda fields, _: decode_approval_rule(fields), lambda rule: f"v{rule.version}", "versions"
    ),
)
STEP_UP: Final = ContentKind(
    name="step_up",
    type=StepUp,
    weight=LIGHT,
    encode=encode_fields,
    decode=_named_by_result(
        lambda fields, _: decode_fields(StepUp, fields), lambda step_up: f"v{step_up.version}", "versions"
    ),
)
REQUEST: Final = ContentKind(
    name="request",
    type=StoredRequest,
    weight=MAX_WEIGHT,
    encode=encode_request_fields,
    decode=_named_by_result(decode_request_fields, lambda stored: stored.request.id, "requests"),
)

_KINDS: Final[Mapping[str, ContentKind[Any]]] = {
    kind.name: kind
    for kind in (
        NOTHING, SWITCH, OBJECTION, TOLD, CALL, RECORDING, MANIFEST, HOLD, RETENTION, LINK_CUT, APPROVAL_RULE,
        REQUEST, STEP_UP,
    )
}  # fmt: skip
if unknown := {closing.content for closing in CLOSING.values()} - _KINDS.keys():
    raise LookupError(f"The table of events names kinds of content that do not exist: {sorted(unknown)}.")
#: The kind of content of each type of event that is a closing act.
CONTENT_OF: Final[Mapping[EventType, ContentKind[Any]]] = {
    name: _KINDS[closing.content] for name, closing in CLOSING.items()
}
