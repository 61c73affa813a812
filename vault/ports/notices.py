"""The store of notices in a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vault.domain.notices.notice import Notice, NoticeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPrompt:
    """The audio of a notice in its row: PCM16, sealed under the account key."""

    message: bytes = field(repr=False)
    key_version: int


class Notices(Protocol):
    """Notices by account. Only drafts are changed or deleted; published versions stay, because evidence names them."""

    def insert(self, notice: Notice) -> None:
        """Add a draft."""

    def get(self, account_id: str, notice_id: str) -> Notice | None:
        """Return a notice of this account."""

    def by_id(self, notice_id: str) -> Notice | None:
        """Return a notice of any account: its id gives access to the audio of a published one."""

    def of_account(self, account_id: str, status: NoticeStatus | None = None) -> Sequence[Notice]:
        """Return an account's notices, newest first, all or only those with this status."""

    def replace_draft(self, notice: Notice) -> bool:
        """Replace a draft; without ``audio_sha256`` its audio is deleted. False if there is no such draft."""

    def set_prompt(self, notice: Notice, prompt: SealedPrompt) -> bool:
        """Set a draft's audio, digest and duration. False if no draft has its text, language and mode."""

    def prompt(self, notice_id: str) -> SealedPrompt | None:
        """Return the audio of a notice, or None."""

    def delete_draft(self, account_id: str, notice_id: str) -> bool:
        """Delete a draft. False if there is none."""

    def publish(self, notice: Notice, at: datetime) -> tuple[Notice, Notice | None]:
        """Publish a draft as the next version of its language, audience and mode; retire the one before.

        Returns both. The caller holds the account's exclusive lock and has checked that it is a draft.
        """

    def retire(self, account_id: str, notice_id: str, at: datetime) -> bool:
        """Retire a published version. False if there is none."""
