"""Draft, publish, retire and read notices. A published version never changes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from vault.domain.ids import new_id
from vault.domain.notices.default_texts import NoticeTexts
from vault.domain.notices.language import language_tag
from vault.domain.notices.notice import Notice, NoticeRequest, NoticeStatus, check_complete, text_digest
from vault.domain.rules.rule_book_loader import read_place
from vault.domain.rules.rules import RuleBook
from vault.errors import Invalid, Refused
from vault.ports.database import Database, Transaction
from vault.services.consent.notice_lookup import held_draft, one_of, record


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftNotice:
    """Draft a notice, and change or delete the draft."""

    database: Database
    notice_texts: NoticeTexts

    async def __call__(self, account_id: str, request: NoticeRequest, *, actor: str) -> Notice:
        """Return a new draft; without a text in ``request`` it gets the default text. Raises Invalid."""
        request, notice_id = _spelled(request), new_id("ntc")

        def insert(tx: Transaction) -> Notice:
            content, now = self._with_text(tx, account_id, request), tx.now()
            notice = Notice(
                id=notice_id,
                account_id=account_id,
                **_fields(content),
                text_sha256=text_digest(content.text),
                audio_sha256=None,
                audio_seconds=None,
                status="draft",
                version=None,
                created_at=now,
                created_by=actor,
                published_at=None,
                retired_at=None,
            )
            tx.notices.insert(notice)
            record(tx, "notice.drafted", notice, at=now, actor=actor)
            return notice

        return await self.database.write(insert)

    async def change(self, account_id: str, notice_id: str, request: NoticeRequest, *, actor: str) -> Notice:
        """Replace a draft. A new text, language or mode removes its audio. Raises NotFound, Refused, Invalid."""
        request = _spelled(request)

        def change(tx: Transaction) -> Notice:
            before = held_draft(tx, account_id, notice_id)
            content = self._with_text(tx, account_id, request)
            after = replace(before, **_fields(content), text_sha256=text_digest(content.text))
            if (after.text, after.language, after.mode) != (before.text, before.language, before.mode):
                after = replace(after, audio_sha256=None, audio_seconds=None)
            if after != before:
                tx.notices.replace_draft(after)
                record(tx, "notice.changed", after, at=tx.now(), actor=actor)
            return after

        return await self.database.write(change)

    async def delete(self, account_id: str, notice_id: str, *, actor: str) -> None:
        """Delete a draft. Raises NotFound, Refused if the notice was published."""

        def delete(tx: Transaction) -> None:
            draft = held_draft(tx, account_id, notice_id)
            tx.notices.delete_draft(account_id, notice_id)
            record(tx, "notice.deleted", draft, at=tx.now(), actor=actor)

        await self.database.write(delete)

    def _with_text(self, tx: Transaction, account_id: str, request: NoticeRequest) -> NoticeRequest:
        """Return the request with a text; a default text names the keys of the account's consent policy."""
        return (
            request if request.text else self.notice_texts.fill(request, tx.policies.current(account_id).keys)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishNotice:
    """Publish a draft: from now on it is played to parties, and it never changes."""

    database: Database
    rule_book: RuleBook

    async def __call__(self, account_id: str, notice_id: str, *, actor: str) -> Notice:
        """Return the published version; the previous one is retired.

        Raises Invalid, naming the missing element; NotFound; Refused if the notice is not a draft.
        """

        def publish(tx: Transaction) -> Notice:
            draft, now = held_draft(tx, account_id, notice_id), tx.now()
            check_complete(draft, self.rule_book)
            published, before = tx.notices.publish(draft, now)
            record(tx, "notice.published", published, at=now, actor=actor)
            if before is not None:
                record(tx, "notice.retired", before, at=now, actor=actor)
            return published

        return await self.database.write(publish)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireNotice:
    """Take a published version out of use. It stays readable, because evidence names it."""

    database: Database

    async def __call__(self, account_id: str, notice_id: str, *, actor: str) -> Notice:
        """Return the retired version; a repeated call changes nothing. Raises NotFound, Refused for a draft."""

        def retire(tx: Transaction) -> Notice:
            tx.lock_account(account_id, exclusive=True)
            notice, now = one_of(tx, account_id, notice_id), tx.now()
            if notice.status == "draft":
                raise Refused("A draft cannot be retired; delete it instead.", reasons=("draft",))
            if tx.notices.retire(account_id, notice_id, now):
                record(tx, "notice.retired", notice, at=now, actor=actor)
            return one_of(tx, account_id, notice_id)

        return await self.database.write(retire)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNotices:
    """List an account's notices: drafts, published and retired ones."""

    database: Database

    async def __call__(self, account_id: str, status: NoticeStatus | None = None) -> Sequence[Notice]:
        """Return all notices, or those of one status, newest first."""
        return await self.database.read(lambda tx: tx.notices.of_account(account_id, status))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNotice:
    """Show one notice."""

    database: Database

    async def __call__(self, account_id: str, notice_id: str) -> Notice:
        """Return the notice. Raises NotFound."""
        return await self.database.read(lambda tx: one_of(tx, account_id, notice_id))


def _spelled(request: NoticeRequest) -> NoticeRequest:
    """Return the request with language and places in canonical spelling. Raises Invalid."""
    try:
        places = tuple(dict.fromkeys(read_place(place) for place in request.places))
    except Invalid as error:
        raise Invalid(str(error), field="places") from error
    return replace(request, language=language_tag(request.language), places=places)


def _fields(request: NoticeRequest) -> dict[str, Any]:
    return {field.name: getattr(request, field.name) for field in fields(request)}
