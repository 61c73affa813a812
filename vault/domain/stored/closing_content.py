"""The content that a closing act stores beside its leaf, and its JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

from vault.domain.accounts.account import SwitchChange
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.field_types import FromOne
from vault.domain.playback.link_key import LinkCut
from vault.domain.recordings.recording import Recording
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.stored.account_json import (
    StoredObjection,
    decode_objection_fields,
    encode_objection_fields,
)
from vault.domain.stored.approval_json import decode_rule_fields, encode_rule_fields
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields
from vault.domain.stored.recording_json import decode_recording_fields, encode_recording_fields
from vault.domain.stored.request_rows import StoredRequest, decode_request_fields, encode_request_fields
from vault.domain.stored.retention_json import (
    StoredHold,
    decode_hold_fields,
    decode_version_fields,
    encode_hold_fields,
    encode_version_fields,
)
from vault.errors import Tampered


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


#: The content of an act beside its leaf.
Content = (
    SwitchChange
    | StoredObjection
    | ConsentRefusal
    | ErasedCall
    | Recording
    | StoredHold
    | RetentionPolicy
    | LinkCut
    | ApprovalRule
    | StoredRequest
    | None
)
ContentName = Literal[
    "none",
    "switch",
    "objection",
    "told",
    "call",
    "recording",
    "hold",
    "retention",
    "link_cut",
    "approval_rule",
    "request",
]


#: Contents with a JSON of their own.
_ENCODE: Final[Mapping[type, Callable[[Any], dict[str, Any]]]] = {
    StoredObjection: encode_objection_fields,
    StoredHold: encode_hold_fields,
    RetentionPolicy: encode_version_fields,
    LinkCut: partial(encode_fields, without={"account_id"}),
    ApprovalRule: encode_rule_fields,
    StoredRequest: encode_request_fields,
}


def encode_content_fields(content: Content) -> dict[str, Any]:
    """Return the content as a JSON object."""
    if isinstance(content, Recording):
        return encode_recording_fields(replace(content, audio=None, rendition=None))
    encode = _ENCODE.get(type(content))
    if encode is not None:
        return encode(content)
    return {} if content is None else encode_fields(content)


def _decode_nothing(fields: Fields, _event: AccessEvent) -> Content:
    fields.done()
    return None


def _decode_switch(fields: Fields, _event: AccessEvent) -> Content:
    change = decode_fields(SwitchChange, fields)
    if change.enabled:
        raise Tampered("A closing act turns the switch on.")
    return change


def _decode_objection(fields: Fields, _event: AccessEvent) -> Content:
    return decode_objection_fields(fields)


def _decode_refusal(fields: Fields, _event: AccessEvent) -> Content:
    return decode_fields(ConsentRefusal, fields)


def _decode_call(fields: Fields, _event: AccessEvent) -> Content:
    return decode_fields(ErasedCall, fields)


def _decode_recording(fields: Fields, event: AccessEvent) -> Content:
    recording = decode_recording_fields(fields)
    fields.done()
    if (recording.id, recording.account_id) != (event.recording_id, event.account_id):
        raise Tampered("The content and the event of a closing act have different recordings.")
    return recording


def _decode_hold(fields: Fields, event: AccessEvent) -> Content:
    stored = decode_hold_fields(fields, event.account_id or "")
    if stored.hold.id != event.result:
        raise Tampered("The content and the event of a closing act have different holds.")
    return stored


def _decode_retention(fields: Fields, event: AccessEvent) -> Content:
    policy = decode_version_fields(fields)
    if f"v{policy.version}" != event.result:
        raise Tampered("The content and the event of a closing act have different versions.")
    return policy


def _decode_cut(fields: Fields, event: AccessEvent) -> Content:
    cut = decode_fields(LinkCut, fields, account_id=event.account_id or "")
    if cut.id != event.result:
        raise Tampered("The content and the event of a closing act have different cuts.")
    return cut


def _decode_rule(fields: Fields, event: AccessEvent) -> Content:
    rule = decode_rule_fields(fields)
    if f"v{rule.version}" != event.result:
        raise Tampered("The content and the event of a closing act have different versions.")
    return rule


def _decode_request(fields: Fields, event: AccessEvent) -> Content:
    stored = decode_request_fields(fields, event.account_id or "")
    if stored.request.id != event.result:
        raise Tampered("The content and the event of a closing act have different requests.")
    return stored


#: Decodes each kind of content. Raises Tampered.
DECODE_CONTENT: Final[Mapping[ContentName, Callable[[Fields, AccessEvent], Content]]] = {
    "none": _decode_nothing,
    "switch": _decode_switch,
    "objection": _decode_objection,
    "told": _decode_refusal,
    "call": _decode_call,
    "recording": _decode_recording,
    "hold": _decode_hold,
    "retention": _decode_retention,
    "link_cut": _decode_cut,
    "approval_rule": _decode_rule,
    "request": _decode_request,
}
