"""JSON of an account's entities in its object: the switch, connections, objections, notices."""

from dataclasses import asdict, dataclass
from typing import Any, get_args

from vault.domain.accounts.account import Connection, Switch, SwitchChange
from vault.domain.consent.consent_event import Objection, Party
from vault.domain.notices.notice import Notice, NoticeMode, NoticeStatus
from vault.domain.stored.json_reader import Fields
from vault.domain.stored.policy_json import decode_keys_fields

#: An account's id is left out of these: the enclosing object has it.
_CONNECTION = tuple(name for name in Connection.__slots__ if name != "account_id")
_NOTICE = tuple(name for name in Notice.__slots__ if name != "account_id")
_NUMBER = ("id", "term", "sealed_number", "key_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObjection:
    """An objection with its number, as in the row."""

    id: str
    #: Keyed hash of the number, for search.
    term: bytes
    sealed_number: bytes
    key_version: int
    objection: Objection


def encode_connection_fields(connection: Connection) -> dict[str, Any]:
    """Return a connection as a JSON object."""
    return {name: getattr(connection, name) for name in _CONNECTION}


def decode_connection_fields(fields: Fields, account_id: str) -> Connection:
    """Decode a connection. Raises Tampered."""
    connection = Connection(
        id=fields.text("id"),
        account_id=account_id,
        name=fields.text("name"),
        provider=fields.text("provider"),
        sealed_credentials=fields.blob("sealed_credentials"),
        key_version=fields.integer("key_version", least=1),
        api_base=fields.maybe_text("api_base"),
        delete_at_source=fields.flag("delete_at_source"),
        delete_refused=fields.flag("delete_refused"),
        collect_from=fields.moment("collect_from"),
        next_url=fields.maybe_text("next_url"),
        pause_refused=fields.flag("pause_refused"),
    )
    fields.done()
    return connection


def encode_objection_fields(stored: StoredObjection) -> dict[str, Any]:
    """Return an objection as a JSON object."""
    return {
        **{name: getattr(stored, name) for name in _NUMBER},
        **{name: getattr(stored.objection, name) for name in Objection.__slots__},
    }


def decode_objection_fields(fields: Fields) -> StoredObjection:
    """Decode an objection. Raises Tampered."""
    stored = StoredObjection(
        id=fields.text("id"),
        term=fields.blob("term"),
        sealed_number=fields.blob("sealed_number"),
        key_version=fields.integer("key_version", least=1),
        objection=Objection(
            since=fields.moment("since"),
            until=fields.maybe_moment("until"),
            reason=fields.maybe_text("reason"),
            by=fields.text("by"),
            ended_by=fields.maybe_text("ended_by"),
        ),
    )
    fields.done()
    return stored


def encode_notice_fields(notice: Notice) -> dict[str, Any]:
    """Return a notice as a JSON object; what an earlier release wrote has no keys."""
    values = {name: getattr(notice, name) for name in _NOTICE if name != "keys"}
    return values if notice.keys is None else values | {"keys": asdict(notice.keys)}


def decode_notice_fields(fields: Fields, account_id: str) -> Notice:
    """Decode a notice. Raises Tampered."""
    text = {
        name: fields.text(name)
        for name in (
            "id", "language", "controller", "purposes", "refusal", "full_notice", "retention", "text",
            "text_sha256", "created_by",
        )
    }  # fmt: skip
    notice = Notice(
        **text,
        account_id=account_id,
        audience=fields.one_of("audience", get_args(Party)),
        mode=fields.one_of("mode", get_args(NoticeMode)),
        places=fields.texts("places"),
        keys=fields.optional(lambda name: decode_keys_fields(fields.inner(name)), "keys"),
        audio_sha256=fields.maybe_text("audio_sha256"),
        audio_seconds=fields.maybe_number("audio_seconds"),
        status=fields.one_of("status", get_args(NoticeStatus)),
        version=fields.maybe_integer("version"),
        created_at=fields.moment("created_at"),
        published_at=fields.maybe_moment("published_at"),
        retired_at=fields.maybe_moment("retired_at"),
    )
    fields.done()
    return notice


def encode_switch_fields(switch: Switch) -> dict[str, Any]:
    """Return a switch's state as a JSON object."""
    return {name: getattr(switch, name) for name in Switch.__slots__}


def decode_switch_fields(fields: Fields) -> Switch:
    """Decode a switch's state. Raises Tampered."""
    switch = Switch(
        enabled=fields.flag("enabled"),
        epoch=fields.integer("epoch"),
        changed_at=fields.moment("changed_at"),
        changed_by=fields.text("changed_by"),
    )
    fields.done()
    return switch


def encode_switch_change_fields(change: SwitchChange) -> dict[str, Any]:
    """Return one change of a switch as a JSON object."""
    return {name: getattr(change, name) for name in SwitchChange.__slots__}


def decode_switch_change_fields(fields: Fields) -> SwitchChange:
    """Decode one change of a switch. Raises Tampered."""
    change = SwitchChange(
        enabled=fields.flag("enabled"),
        epoch=fields.integer("epoch"),
        at=fields.moment("at"),
        by=fields.text("by"),
        reason=fields.maybe_text("reason"),
    )
    fields.done()
    return change
