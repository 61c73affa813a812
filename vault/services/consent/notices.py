"""Draft, publish, retire and read notices. A published version never changes."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from vault.database.interface import Database
from vault.database.stores.consent.notices import SealedPrompt
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.legal_rules.rule import RuleBook
from vault.domain.legal_rules.rule_book_loader import read_place
from vault.domain.notices.audio import Encoding, PromptRequest, telephone_wav
from vault.domain.notices.default_texts import NoticeTexts
from vault.domain.notices.notice import (
    Notice,
    NoticeRequest,
    NoticeStatus,
    check_complete,
    check_keys,
    language_tag,
    spoken,
    text_digest,
)
from vault.domain.page import PAGE
from vault.domain.stored import encryption_context as bound
from vault.errors import DescriberCrashed, Invalid, NotFound, Refused, Tampered, Undecodable
from vault.ports.audio import PromptMaker
from vault.ports.keys import AccountKey, KeyRing
from vault.sealing.message import open_message, seal
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.structured_log import Log

_LOG = Log(__name__)
#: Published notices of one account, one for each language, audience and mode.
MAX_PUBLISHED: Final = 200
_CRASHED = "The decoder crashed on this file. Convert it, for example to WAV, and send it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """Draft, publish, retire and read notices, and set, remove and serve their audio."""

    database: Database
    notice_texts: NoticeTexts
    rule_book: RuleBook
    ring: KeyRing
    prompt_maker: PromptMaker

    async def draft(self, account_id: str, request: NoticeRequest, *, actor: str) -> Notice:
        """Return a new draft; without a text in ``request`` it gets the default text. Raises Invalid."""
        request, notice_id = _spelled(request), new_id("ntc")

        def insert(tx: Transaction) -> Notice:
            now = tx.now()
            notice = Notice(
                id=notice_id,
                account_id=account_id,
                **self._written(tx, account_id, request),
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
        """Replace a draft. What is heard otherwise loses its audio. Raises NotFound, Refused, Invalid."""
        request = _spelled(request)

        def change(tx: Transaction) -> Notice:
            before = held_draft(tx, account_id, notice_id)
            after = replace(before, **self._written(tx, account_id, request))
            if after.text == before.text:
                # Saved again, it still says the keys that it was written for.
                after = replace(after, keys=before.keys)
            if spoken(after) != spoken(before):
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

    def _written(self, tx: Transaction, account_id: str, request: NoticeRequest) -> dict[str, Any]:
        """Return the content of a draft; a default text names the keys of the account's consent policy."""
        keys = tx.policies.current(account_id).keys
        content = self.notice_texts.complete(request, keys)
        values = {field.name: getattr(content, field.name) for field in fields(NoticeRequest)}
        return values | {"text_sha256": text_digest(content.text), "keys": keys}

    async def publish(self, account_id: str, notice_id: str, *, actor: str) -> Notice:
        """Publish a draft: from now on it is played to parties, and it never changes.

        Return the published version; the previous one is retired.

        Raises Invalid, naming the missing element; NotFound; Refused if the notice is not a draft, or was written
        for other keys than the account has now.
        """

        def publish(tx: Transaction) -> Notice:
            draft, now = held_draft(tx, account_id, notice_id), tx.now()
            check_complete(draft, self.rule_book)
            check_keys(draft, tx.policies.current(account_id).keys)
            published, before = tx.notices.publish(draft, now)
            if before is None and tx.notices.count_published(account_id) > MAX_PUBLISHED:
                raise Refused(
                    f"The account has {MAX_PUBLISHED} published notices, the maximum: each call reads all of them. "
                    "Retire one that is not played any more.",
                    reasons=("too_many_notices",),
                )
            record(tx, "notice.published", published, at=now, actor=actor)
            if before is not None:
                record(tx, "notice.retired", before, at=now, actor=actor)
            return published

        return await self.database.write(publish)

    async def retire(self, account_id: str, notice_id: str, *, actor: str) -> Notice:
        """Take a published version out of use. It stays readable, because evidence names it.

        Return the retired version; a repeated call changes nothing. Raises NotFound, Refused for a draft.
        """

        def retire(tx: Transaction) -> Notice:
            tx.lock_account(account_id, exclusive=True)
            notice, now = one_of(tx, account_id, notice_id), tx.now()
            if notice.status == "draft":
                raise Refused("A draft cannot be retired; delete it instead.", reasons=("draft",))
            if tx.notices.retire(account_id, notice_id, now):
                record(tx, "notice.retired", notice, at=now, actor=actor)
            return one_of(tx, account_id, notice_id)

        return await self.database.write(retire)

    async def list(
        self,
        account_id: str,
        status: NoticeStatus | None = None,
        *,
        before: tuple[datetime, str] | None = None,
        limit: int = PAGE,
    ) -> Sequence[Notice]:
        """Return a page of an account's notices, newest first: drafts, published and retired ones, or one status."""
        return await self.database.read(
            lambda tx: tx.notices.page(account_id, status, before=before, limit=limit)
        )

    async def read(self, account_id: str, notice_id: str) -> Notice:
        """Return one notice. Raises NotFound."""
        return await self.database.read(lambda tx: one_of(tx, account_id, notice_id))

    async def set_audio(
        self, account_id: str, notice_id: str, upload: bytes, request: PromptRequest, *, actor: str
    ) -> Notice:
        """Set the audio of a draft. Without audio the platform speaks the text.

        Return the draft with its audio. For the mode ``tone``, an empty upload makes only a beep.

        Raises Undecodable, with the reason, for an upload that cannot become a prompt; Invalid, naming the
        field, for ``request``; NotFound; Refused if the notice is not a draft or was changed in the meantime.
        """
        draft = await self.database.read(lambda tx: draft_of(tx, account_id, notice_id))
        request = replace(request, tone_only=draft.mode == "tone" and not upload)
        try:
            prompt = await self.prompt_maker.make(upload, request)
        except DescriberCrashed as error:
            _LOG.warning("prompt.crashed", account_id=account_id, reason=str(error))
            raise Undecodable(_CRASHED) from error
        audible = replace(draft, audio_sha256=_digest(prompt.pcm), audio_seconds=prompt.seconds)
        return await retry_if_rotated(
            self.ring, account_id, lambda key: self._put_audio(key, audible, prompt.pcm, actor)
        )

    async def _put_audio(self, key: AccountKey, audible: Notice, pcm: bytes, actor: str) -> Notice:
        account_id, notice_id = audible.account_id, audible.id
        sealed = SealedPrompt(
            message=seal(key.key, bound.of_prompt(account_id, notice_id), pcm), key_version=key.version
        )

        def put(tx: Transaction) -> Notice:
            is_same = spoken(held_draft(tx, account_id, notice_id)) == spoken(audible)
            if not is_same or not tx.notices.set_prompt(audible, sealed):
                raise Refused(
                    "The draft was changed in the meantime. Send the audio again.", reasons=("changed",)
                )
            record(tx, "notice.changed", audible, at=tx.now(), actor=actor)
            return one_of(tx, account_id, notice_id)

        return await self.database.write(put)

    async def remove_audio(self, account_id: str, notice_id: str, *, actor: str) -> None:
        """Remove the audio; a repeated call changes nothing. Raises NotFound, Refused."""

        def remove(tx: Transaction) -> None:
            draft = held_draft(tx, account_id, notice_id)
            if draft.audio_sha256 is None:
                return
            tx.notices.replace_draft(replace(draft, audio_sha256=None, audio_seconds=None))
            record(tx, "notice.changed", draft, at=tx.now(), actor=actor)

        await self.database.write(remove)

    async def read_audio(self, notice_id: str, encoding: Encoding) -> bytes:
        """Return the public audio of a published notice as a WAV file. Raises NotFound, Tampered."""

        def find(tx: Transaction) -> tuple[Notice, SealedPrompt | None]:
            notice = tx.notices.by_id(notice_id)
            if notice is None or not notice.audible:
                raise NotFound("There is no such audio.")
            return notice, tx.notices.prompt(notice_id)

        return await self._opened_audio(*await self.database.read(find), encoding)

    async def read_own_audio(self, account_id: str, notice_id: str, encoding: Encoding) -> bytes:
        """Return the audio of any notice of the account, including drafts. Raises NotFound, Tampered."""

        def find(tx: Transaction) -> tuple[Notice, SealedPrompt | None]:
            return one_of(tx, account_id, notice_id), tx.notices.prompt(notice_id)

        return await self._opened_audio(*await self.database.read(find), encoding)

    async def _opened_audio(self, notice: Notice, sealed: SealedPrompt | None, encoding: Encoding) -> bytes:
        if sealed is None:
            raise NotFound("There is no such audio.")
        key = await self.ring.version(notice.account_id, sealed.key_version)
        pcm = open_message(key.key, sealed.message, context=bound.of_prompt(notice.account_id, notice.id))
        # The encryption context distinguishes notices; the digest distinguishes two prompts of one draft.
        if not hmac.compare_digest(_digest(pcm), notice.audio_sha256 or ""):
            raise Tampered("The audio of a notice does not match the digest in its row.")
        return telephone_wav(pcm, encoding)


def _spelled(request: NoticeRequest) -> NoticeRequest:
    """Return the request with language and places in canonical spelling. Raises Invalid."""
    try:
        places = tuple(dict.fromkeys(read_place(place) for place in request.places))
    except Invalid as error:
        raise Invalid(str(error), field="places") from error
    return replace(request, language=language_tag(request.language), places=places)


def _digest(pcm: bytes) -> str:
    """Return the SHA-256 of the WAV file in PCM16, which anybody can fetch and check."""
    return hashlib.sha256(telephone_wav(pcm, "pcm")).hexdigest()


def one_of(tx: Transaction, account_id: str, notice_id: str) -> Notice:
    """Return a notice of this account. Raises NotFound."""
    notice = tx.notices.get(account_id, notice_id)
    if notice is None:
        raise NotFound("There is no such notice.")
    return notice


def draft_of(tx: Transaction, account_id: str, notice_id: str) -> Notice:
    """Return a draft of this account. Raises NotFound, Refused if the notice was published."""
    notice = one_of(tx, account_id, notice_id)
    if notice.status != "draft":
        message = f"Version {notice.version} was published and cannot be changed; draft a new notice."
        raise Refused(message, reasons=(notice.status,))
    return notice


def held_draft(tx: Transaction, account_id: str, notice_id: str) -> Notice:
    """Return a draft, locked against other changes until this transaction ends. Raises NotFound, Refused."""
    tx.lock_account(account_id, exclusive=True)
    return draft_of(tx, account_id, notice_id)


def record(tx: Transaction, kind: EventType, notice: Notice, *, at: datetime, actor: str) -> None:
    """Write the access event about a notice."""
    account_id = notice.account_id
    tx.events.append(AccessEvent(type=kind, at=at, account_id=account_id, actor=actor, result=notice.id))
