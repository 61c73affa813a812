"""An account's object: the account's rows except recordings, so that the bucket alone is enough for a restore.

It is an envelope (``account_envelope.py``) with a sealed text, which has the wrapped index, detail and month keys, the
switch with its history, the consent and retention policies, connections, objections, notices, holds, registers,
requests of people, their callback, the public keys that sign links with their cuts, and sign-in connections with their
roles. API keys, links and their sessions are only in the database: access to the bucket must not give access to the
vault.

Each change is written under a new key (``account_object_name.py``), and the older objects are deleted afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from vault.domain.accounts.account import Account, Connection, Switch, SwitchChange
from vault.domain.accounts.month_key import WrappedMonthKey, check_month_key_id
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.notices.notice import Notice
from vault.domain.playback.link_key import LinkCut, LinkKey
from vault.domain.registers.entries import SealedEntry
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.stored.account_envelope import Envelope, decode_key_versions, encode_key_versions
from vault.domain.stored.account_json import (
    StoredObjection,
    decode_objection_fields,
    encode_objection_fields,
)
from vault.domain.stored.approval_json import decode_rule_fields, encode_rule_fields
from vault.domain.stored.callback_json import StoredCallback
from vault.domain.stored.dataclass_json import decode_fields, encode_fields, read_fields
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.domain.stored.policy_json import decode_policy_fields, encode_policy
from vault.domain.stored.request_rows import StoredRequest, decode_request_fields, encode_request_fields
from vault.domain.stored.retention_json import (
    StoredHold,
    decode_hold_fields,
    decode_version_fields,
    encode_hold_fields,
    encode_version_fields,
)
from vault.domain.stored.sign_in_json import StoredSignIn, decode_sign_in_fields, encode_sign_in_fields
from vault.errors import Tampered

T = TypeVar("T")
#: The enclosing object has it.
_OURS: Final = frozenset({"account_id"})


def prompt_location(account_id: str, digest: str) -> str:
    """Return the key of a notice's sealed audio, by the SHA-256 of its bytes."""
    return f"prompts/{account_id}/{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrompt:
    """The sealed audio of a notice."""

    message: bytes
    key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountObject:
    """All data of an account that can be restored from the bucket alone."""

    account: Account
    #: Incremented with each change of this content.
    revision: int
    #: When this was read from the database, by its clock: it includes all earlier changes.
    as_of: datetime
    #: Wrapped versions of the account key, by version number.
    keys: Mapping[int, bytes]
    wrapped_index_key: bytes
    #: The account key version that wraps it.
    index_key_version: int
    #: Keys of access event details, by number: the wrapped key, and the account key version that wraps it.
    detail_keys: Mapping[int, tuple[bytes, int]]
    #: Oldest first.
    month_keys: tuple[WrappedMonthKey, ...] = ()
    switch: Switch
    #: Oldest first.
    history: tuple[SwitchChange, ...]
    policies: tuple[ConsentPolicy, ...]
    connections: tuple[Connection, ...]
    objections: tuple[StoredObjection, ...]
    notices: tuple[Notice, ...]
    #: Also released ones.
    holds: tuple[StoredHold, ...] = ()
    #: Every version, oldest first; what a person typed is sealed.
    retention: tuple[RetentionPolicy, ...] = ()
    approval_rule: ApprovalRule | None = None
    #: By notice id: the SHA-256 of the sealed audio in hexadecimal, and the key version that sealed it.
    prompts: Mapping[str, tuple[str, int]]
    registers: tuple[SealedEntry, ...] = ()
    #: Also deleted ones.
    link_keys: tuple[LinkKey, ...] = ()
    link_cuts: tuple[LinkCut, ...] = ()
    sign_in: tuple[StoredSignIn, ...] = ()
    #: The open ones, and the newest closed ones.
    requests: tuple[StoredRequest, ...] = ()
    callback: StoredCallback | None = None


def encode_account(known: AccountObject) -> bytes:
    """Encode the text to be sealed."""
    account = known.account
    values = {
        **encode_fields(account),
        "as_of": known.as_of,
        "keys": encode_key_versions(known.keys),
        "index_key": known.wrapped_index_key,
        "index_key_version": known.index_key_version,
        "detail_keys": [
            {"number": number, "wrapped": wrapped, "key_version": version}
            for number, (wrapped, version) in known.detail_keys.items()
        ],
        **_lists(month_keys=[encode_fields(key) for key in known.month_keys]),
        "switch": encode_fields(known.switch),
        "history": [encode_fields(change) for change in known.history],
    }
    return write_object(values | _encode_settings_fields(known))


def _encode_settings_fields(known: AccountObject) -> dict[str, Any]:
    """Return the account's settings except the switch."""
    return {
        "policies": [
            {"version": one.version, "at": one.changed_at, "by": one.changed_by, "policy": encode_policy(one)}
            for one in known.policies
        ],
        "connections": [encode_fields(connection, without=_OURS) for connection in known.connections],
        "objections": [encode_objection_fields(stored) for stored in known.objections],
        "notices": [
            encode_fields(notice, without=_OURS)
            | {"prompt": _encode_prompt_fields(known.prompts.get(notice.id))}
            for notice in known.notices
        ],
        **_lists(
            holds=[encode_hold_fields(stored) for stored in known.holds],
            retention=[encode_version_fields(policy) for policy in known.retention],
            registers=[encode_fields(entry, without=_OURS) for entry in known.registers],
            link_keys=[encode_fields(key, without=_OURS) for key in known.link_keys],
            link_cuts=[encode_fields(cut, without=_OURS) for cut in known.link_cuts],
            sign_in=[encode_sign_in_fields(one) for one in known.sign_in],
            requests=[encode_request_fields(stored) for stored in known.requests],
        ),
        **({} if known.approval_rule is None else {"approval_rule": encode_rule_fields(known.approval_rule)}),
        **({} if known.callback is None else {"request_callback": encode_fields(known.callback)}),
    }


def _lists(**items: Sequence[dict[str, Any]]) -> dict[str, Sequence[dict[str, Any]]]:
    """Return the lists that are not empty: earlier releases had none of these fields, and refuse an unknown one."""
    return {name: found for name, found in items.items() if found}


def decode_account(data: bytes, envelope: Envelope) -> AccountObject:
    """Decode the decrypted text of an envelope. Raises Tampered."""
    fields = read_object(data, "An account's sealed text")
    account = _decode_own_fields(fields, envelope.account_id)
    notices, prompts = _decode_notices_fields(fields.items("notices"), account.id)
    known = AccountObject(
        account=account,
        revision=envelope.revision,
        as_of=fields.moment("as_of"),
        # Not the keys of the envelope, which is not authenticated.
        keys=decode_key_versions(fields.inner("keys")),
        wrapped_index_key=fields.blob("index_key"),
        index_key_version=fields.integer("index_key_version", least=1),
        detail_keys=dict(_decode_detail_key_fields(item) for item in fields.items("detail_keys")),
        switch=decode_fields(Switch, fields.inner("switch")),
        history=tuple(decode_fields(SwitchChange, item) for item in fields.items("history")),
        policies=tuple(decode_policy_fields(item) for item in fields.items("policies")),
        connections=tuple(
            decode_fields(Connection, item, account_id=account.id) for item in fields.items("connections")
        ),
        objections=tuple(decode_objection_fields(item) for item in fields.items("objections")),
        notices=notices,
        prompts=prompts,
        **_decode_later_fields(fields, account.id),
    )
    fields.done()
    return known


def _decode_later_fields(fields: Fields, account_id: str) -> dict[str, Any]:
    """Decode what the objects of some earlier releases do not have."""

    def items(name: str, decode: Callable[[Fields], T]) -> tuple[T, ...]:
        return tuple(decode(item) for item in fields.items(name)) if fields.has(name) else ()

    def own(name: str, kind: type[T]) -> tuple[T, ...]:
        return items(name, lambda item: decode_fields(kind, item, account_id=account_id))

    return {
        "month_keys": items("month_keys", _decode_month_key_fields),
        "holds": items("holds", lambda item: decode_hold_fields(item, account_id)),
        "retention": items("retention", decode_version_fields),
        "registers": own("registers", SealedEntry),
        "link_keys": own("link_keys", LinkKey),
        "link_cuts": own("link_cuts", LinkCut),
        "sign_in": items("sign_in", lambda item: decode_sign_in_fields(item, account_id)),
        "requests": items("requests", lambda item: decode_request_fields(item, account_id)),
        "approval_rule": fields.optional(
            lambda name: decode_rule_fields(fields.inner(name)), "approval_rule"
        ),
        "callback": fields.optional(
            lambda name: decode_fields(StoredCallback, fields.inner(name)), "request_callback"
        ),
    }


def _decode_own_fields(fields: Fields, account_id: str) -> Account:
    account = read_fields(Account, fields)
    if account.id != account_id:
        raise Tampered("An account's object belongs to another account.")
    return account


def _decode_month_key_fields(fields: Fields) -> WrappedMonthKey:
    return decode_fields(WrappedMonthKey, fields, id=check_month_key_id(fields.text("id")))


def _decode_notices_fields(
    items: Sequence[Fields], account_id: str
) -> tuple[tuple[Notice, ...], dict[str, tuple[str, int]]]:
    notices, prompts = [], {}
    for item in items:
        prompt = item.nullable(item.inner, "prompt")
        notice = decode_fields(Notice, item, account_id=account_id)
        notices.append(notice)
        if prompt is not None:
            prompts[notice.id] = (prompt.text("sha256"), prompt.integer("key_version", least=1))
            prompt.done()
    return tuple(notices), prompts


def _encode_prompt_fields(prompt: tuple[str, int] | None) -> dict[str, Any] | None:
    return None if prompt is None else {"sha256": prompt[0], "key_version": prompt[1]}


def _decode_detail_key_fields(fields: Fields) -> tuple[int, tuple[bytes, int]]:
    number = fields.integer("number", least=1)
    key = (fields.blob("wrapped"), fields.integer("key_version", least=1))
    fields.done()
    return number, key
