"""The notices, and the audio that parties hear of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.consent import notices
from vault.database.sql.dialect import insert_new
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.notice import Notice
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields

#: All columns except the audio, which few callers need.
NOTICE_COLUMNS: Final = [notices.c[name] for name in Notice.__slots__]
#: Max rows with audio in one statement.
_BATCH_SIZE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDigest:
    """Which sealed audio a notice has; the audio is an object of its own."""

    #: The SHA-256 of the sealed audio, in hexadecimal.
    sha256: str
    #: The version of the account key that sealed it.
    key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotice:
    """A notice as in its row."""

    notice: Notice
    prompt: PromptDigest | None


class _Notices(ListPart[StoredNotice]):
    def read(self, source: Source) -> tuple[StoredNotice, ...]:
        return tuple(
            StoredNotice(notice=notice_of(row), prompt=_digest(row["sealed_audio"], row["key_version"]))
            for row in source.rows(notices, "id")
        )

    def encode_one(self, item: StoredNotice) -> dict[str, Any]:
        prompt = None if item.prompt is None else encode_fields(item.prompt)
        return encode_fields(item.notice, without={"account_id"}) | {"prompt": prompt}

    def decode_one(self, fields: Fields, account_id: str) -> StoredNotice:
        inner = fields.nullable(fields.inner, "prompt")
        notice = decode_fields(Notice, fields, account_id=account_id)
        if inner is None:
            return StoredNotice(notice=notice, prompt=None)
        prompt = PromptDigest(sha256=inner.text("sha256"), key_version=inner.integer("key_version", least=1))
        inner.done()
        return StoredNotice(notice=notice, prompt=prompt)

    def replace(self, value: tuple[StoredNotice, ...], target: Target) -> list[str]:
        """Let the account have the object's notices and no others."""
        target.delete_others(notices, [stored.notice.id for stored in value])
        # By version, so that a newly published version does not conflict with the published one before.
        by_version = sorted(value, key=lambda stored: stored.notice.version or 0)
        rows = [_row(stored, target) for stored in by_version]
        target.put(notices, ["id"], rows, batch_size=_BATCH_SIZE)
        return []

    def add_lost(self, value: tuple[StoredNotice, ...], target: Target) -> list[str]:
        """Add missing notices, but for those that were deleted, or whose version another one has."""
        left_out = []
        for stored in value:
            notice_id = stored.notice.id
            if notice_id not in target.deleted and not insert_new(target.db, notices, _row(stored, target)):
                left_out += target.left_out(notices, notice_id, f"the notice {notice_id}")
        return left_out

    def differences(self, stored: tuple[StoredNotice, ...], own: tuple[StoredNotice, ...]) -> list[str]:
        """Name the audio apart."""
        words = [] if [one.notice for one in stored] == [one.notice for one in own] else [self.words]
        return words if prompts_of(stored) == prompts_of(own) else [*words, "audio of notices"]


NOTICES = _Notices(name="notices", words="notices", is_in_all=True)


def prompts_of(stored: tuple[StoredNotice, ...]) -> dict[str, PromptDigest]:
    """Return the audio of notices, by notice."""
    return {one.notice.id: one.prompt for one in stored if one.prompt is not None}


def notice_of(columns: Mapping[Any, Any]) -> Notice:
    """Convert the columns of a row by name to a Notice."""
    keys = columns["keys"]
    read = {"places": tuple(columns["places"]), "keys": None if keys is None else Keys(**keys)}
    return of_row(Notice, columns, **read)


def row_of_notice(notice: Notice) -> dict[str, Any]:
    """Convert a notice to the values of its row, without those of its audio."""
    keys = None if notice.keys is None else asdict(notice.keys)
    return row_of(notice, places=list(notice.places), keys=keys)


def _digest(sealed_audio: bytes | None, key_version: int) -> PromptDigest | None:
    if sealed_audio is None:
        return None
    return PromptDigest(sha256=hashlib.sha256(sealed_audio).hexdigest(), key_version=key_version)


def _row(stored: StoredNotice, target: Target) -> dict[str, Any]:
    prompt = target.prompts.get(stored.notice.id)
    return row_of_notice(stored.notice) | {
        "sealed_audio": None if prompt is None else prompt.message,
        "key_version": None if prompt is None else prompt.key_version,
    }
