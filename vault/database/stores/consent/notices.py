"""Notices: drafts, which may change, and published versions, which never change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select, update

from vault.database.account_parts.notices import NOTICE_COLUMNS, notice_of, row_of_notice
from vault.database.account_parts.part import account_changed
from vault.database.schema.consent import notices
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.conditions import earlier_than
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.notices.notice import Notice, NoticeStatus

#: An account's notices of one status, newest first. Every call that starts runs this.
OF_STATUS = CompiledSelect(
    select(*NOTICE_COLUMNS)
    .where(notices.c.account_id == bindparam("account_id"), notices.c.status == bindparam("status"))
    .order_by(notices.c.created_at.desc(), notices.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPrompt:
    """The audio of a notice in its row: PCM16, sealed under the account key."""

    message: bytes = field(repr=False)
    key_version: int


class NoticeRows(Rows):
    """Notices by account. Only drafts are changed or deleted; published versions stay, because evidence names them."""

    def insert(self, notice: Notice) -> None:
        """Insert a draft."""
        self._db.execute(insert(notices).values(row_of_notice(notice)))
        account_changed(self._db, notice.account_id)

    def get(self, account_id: str, notice_id: str) -> Notice | None:
        """Return a notice of this account by its id."""
        return self._first((notices.c.account_id == account_id) & (notices.c.id == notice_id))

    def by_id(self, notice_id: str) -> Notice | None:
        """Return a notice of any account: its id gives access to the audio of a published one."""
        return self._first(notices.c.id == notice_id)

    def page(
        self, account_id: str, status: NoticeStatus | None, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Notice]:
        """Return a page of an account's notices, newest first, all or those of one status."""
        query = select(*NOTICE_COLUMNS).where(notices.c.account_id == account_id)
        if status is not None:
            query = query.where(notices.c.status == status)
        order = query.where(*earlier_than(notices.c.created_at, notices.c.id, before))
        order = order.order_by(notices.c.created_at.desc(), notices.c.id.desc())
        return [notice_of(row) for row in self._db.execute(order.limit(limit)).mappings()]

    def of_account(self, account_id: str, status: NoticeStatus | None = None) -> Sequence[Notice]:
        """Return an account's notices, newest first, all or those of one status."""
        if status is not None:
            of_status = OF_STATUS.rows(self._db, account_id=account_id, status=status)
            return [notice_of(row) for row in of_status]
        every = select(*NOTICE_COLUMNS).where(notices.c.account_id == account_id)
        rows = self._db.execute(every.order_by(notices.c.created_at.desc(), notices.c.id))
        return [notice_of(row) for row in rows.mappings()]

    def replace_draft(self, notice: Notice) -> bool:
        """Replace a draft; its audio stays if ``notice`` has a digest. False if there is no such draft."""
        values = row_of_notice(notice)
        if notice.audio_sha256 is None:
            values |= {"sealed_audio": None, "key_version": None}
        return self._changed(notice.account_id, notice.id, values)

    def set_prompt(self, notice: Notice, prompt: SealedPrompt) -> bool:
        """Set a draft's audio. False if there is no such draft, or if its text, language or mode has changed.

        Raises KeyRetired.
        """
        refuse_retired(self._db, notice.account_id, prompt.key_version)
        unchanged = (
            (notices.c.text_sha256 == notice.text_sha256)
            & (notices.c.language == notice.language)
            & (notices.c.mode == notice.mode)
        )
        values = {
            "audio_sha256": notice.audio_sha256,
            "audio_seconds": notice.audio_seconds,
            "sealed_audio": prompt.message,
            "key_version": prompt.key_version,
        }
        return self._changed(notice.account_id, notice.id, values, unchanged)

    def prompt(self, notice_id: str) -> SealedPrompt | None:
        """Return the sealed audio of a notice."""
        query = select(notices.c.sealed_audio, notices.c.key_version).where(notices.c.id == notice_id)
        row = self._db.execute(query).first()
        if row is None or row.sealed_audio is None:
            return None
        return SealedPrompt(message=row.sealed_audio, key_version=row.key_version)

    def delete_draft(self, account_id: str, notice_id: str) -> bool:
        """Delete a draft. False if there is none."""
        statement = delete(notices).where(_draft(account_id, notice_id)).returning(notices.c.id)
        account_changed(self._db, account_id)
        return self._db.execute(statement).first() is not None

    def publish(self, notice: Notice, at: datetime) -> tuple[Notice, Notice | None]:
        """Publish a draft under the next version, and retire the version published before; return both.

        The caller must hold the account's exclusive lock and must have checked that it is a draft.
        """
        same = _same_kind(notice)
        live = update(notices).where(same, notices.c.status == "published")
        retired = live.values(status="retired", retired_at=at).returning(*NOTICE_COLUMNS)
        before = self._db.execute(retired).mappings().first()
        newest = self._db.execute(select(func.max(notices.c.version)).where(same)).scalar() or 0
        values = {"status": "published", "version": newest + 1, "published_at": at}
        draft = update(notices).where(_draft(notice.account_id, notice.id)).values(values)
        row = self._db.execute(draft.returning(*NOTICE_COLUMNS)).mappings().one()
        account_changed(self._db, notice.account_id)
        return notice_of(row), None if before is None else notice_of(before)

    def count_published(self, account_id: str) -> int:
        """Return how many published notices an account has."""
        mine = (notices.c.account_id == account_id) & (notices.c.status == "published")
        return self._db.execute(select(func.count()).where(mine)).scalar_one()

    def retire(self, account_id: str, notice_id: str, at: datetime) -> bool:
        """Retire a published version. False if there is none."""
        live = (notices.c.account_id == account_id) & (notices.c.id == notice_id)
        live &= notices.c.status == "published"
        statement = update(notices).where(live).values(status="retired", retired_at=at)
        account_changed(self._db, account_id)
        return self._db.execute(statement.returning(notices.c.id)).first() is not None

    def _first(self, condition: ColumnElement[bool]) -> Notice | None:
        row = self._db.execute(select(*NOTICE_COLUMNS).where(condition)).mappings().first()
        return None if row is None else notice_of(row)

    def _changed(
        self, account_id: str, notice_id: str, values: dict[str, Any], *more: ColumnElement[bool]
    ) -> bool:
        """Update a row if it is a draft; a published version never changes, even if the caller read a draft."""
        change = update(notices).where(_draft(account_id, notice_id), *more).values(values)
        account_changed(self._db, account_id)
        return self._db.execute(change.returning(notices.c.id)).first() is not None


def _draft(account_id: str, notice_id: str) -> ColumnElement[bool]:
    mine = (notices.c.account_id == account_id) & (notices.c.id == notice_id)
    return mine & (notices.c.status == "draft")


def _same_kind(notice: Notice) -> ColumnElement[bool]:
    """Return the condition for notices that share one version sequence."""
    kind = notices.c.account_id == notice.account_id
    for name in ("language", "audience", "mode"):
        kind &= notices.c[name] == getattr(notice, name)
    return kind
