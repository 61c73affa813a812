"""The audio of notices: made from an upload or a beep, stored sealed, and served to telephony platforms."""

import hashlib
import hmac
from dataclasses import dataclass, replace

from vault.domain.notices.audio import Encoding, PromptRequest
from vault.domain.notices.notice import Notice
from vault.domain.notices.telephone_wav import telephone_wav
from vault.domain.stored import encryption_context as bound
from vault.errors import DescriberCrashed, NotFound, Refused, Tampered, Undecodable
from vault.ports.audio import PromptMaker
from vault.ports.database import Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.notices import SealedPrompt
from vault.sealing.message import open_message, seal
from vault.services.consent.notice_lookup import draft_of, held_draft, one_of, record
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.structured_log import Log

_LOG = Log(__name__)
_CRASHED = "The decoder crashed on this file. Convert it, for example to WAV, and send it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPrompt:
    """Set or remove the audio of a draft. Without audio the platform speaks the text."""

    database: Database
    ring: KeyRing
    prompt_maker: PromptMaker

    async def __call__(
        self, account_id: str, notice_id: str, upload: bytes, request: PromptRequest, *, actor: str
    ) -> Notice:
        """Return the draft with its audio. For the mode ``tone``, an empty upload makes only a beep.

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
            self.ring, account_id, lambda key: self._put(key, audible, prompt.pcm, actor)
        )

    async def _put(self, key: AccountKey, audible: Notice, pcm: bytes, actor: str) -> Notice:
        account_id, notice_id = audible.account_id, audible.id
        sealed = SealedPrompt(
            message=seal(key.key, bound.of_prompt(account_id, notice_id), pcm), key_version=key.version
        )

        def put(tx: Transaction) -> Notice:
            held_draft(tx, account_id, notice_id)
            if not tx.notices.set_prompt(audible, sealed):
                raise Refused(
                    "The draft was changed in the meantime. Send the audio again.", reasons=("changed",)
                )
            record(tx, "notice.changed", audible, at=tx.now(), actor=actor)
            return one_of(tx, account_id, notice_id)

        return await self.database.write(put)

    async def remove(self, account_id: str, notice_id: str, *, actor: str) -> None:
        """Remove the audio; a repeated call changes nothing. Raises NotFound, Refused."""

        def remove(tx: Transaction) -> None:
            draft = held_draft(tx, account_id, notice_id)
            if draft.audio_sha256 is None:
                return
            tx.notices.replace_draft(replace(draft, audio_sha256=None, audio_seconds=None))
            record(tx, "notice.changed", draft, at=tx.now(), actor=actor)

        await self.database.write(remove)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPrompt:
    """Return the audio of a notice as a WAV file."""

    database: Database
    ring: KeyRing

    async def __call__(self, notice_id: str, encoding: Encoding) -> bytes:
        """Return the public audio of a published notice. Raises NotFound, Tampered."""

        def find(tx: Transaction) -> tuple[Notice, SealedPrompt | None]:
            notice = tx.notices.by_id(notice_id)
            if notice is None or not notice.audible:
                raise NotFound("There is no such audio.")
            return notice, tx.notices.prompt(notice_id)

        return await self._opened(*await self.database.read(find), encoding)

    async def of_account(self, account_id: str, notice_id: str, encoding: Encoding) -> bytes:
        """Return the audio of any notice of the account, including drafts. Raises NotFound, Tampered."""

        def find(tx: Transaction) -> tuple[Notice, SealedPrompt | None]:
            return one_of(tx, account_id, notice_id), tx.notices.prompt(notice_id)

        return await self._opened(*await self.database.read(find), encoding)

    async def _opened(self, notice: Notice, sealed: SealedPrompt | None, encoding: Encoding) -> bytes:
        if sealed is None:
            raise NotFound("There is no such audio.")
        key = await self.ring.version(notice.account_id, sealed.key_version)
        pcm = open_message(key.key, sealed.message, context=bound.of_prompt(notice.account_id, notice.id))
        # The encryption context distinguishes notices; the digest distinguishes two prompts of one draft.
        if not hmac.compare_digest(_digest(pcm), notice.audio_sha256 or ""):
            raise Tampered("The audio of a notice does not match the digest in its row.")
        return telephone_wav(pcm, encoding)


def _digest(pcm: bytes) -> str:
    """Return the SHA-256 of the WAV file in PCM16, which anybody can fetch and check."""
    return hashlib.sha256(telephone_wav(pcm, "pcm")).hexdigest()
