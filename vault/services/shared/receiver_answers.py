"""The beginnings of answers, sealed as words of their account: a receiver's words may hold personal data."""

from typing import Final

from vault.domain.outbox.attempt import Attempt, shown_answer
from vault.errors import NotFound, VaultError
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.structured_log import Log

_LOG = Log(__name__)
_PURPOSE: Final = "outbox-answer"


async def seal_answer(data_keys: AccountDataKeys, account_id: str, attempt: Attempt) -> str | None:
    """Return the beginning of an answer as sealed text; None if it is empty, or cannot be sealed now."""
    text = shown_answer(attempt.answer)
    if not text:
        return None
    try:
        return await data_keys.seal_words(account_id, _PURPOSE, text)
    except VaultError as error:
        _LOG.warning("outbox.answer_not_kept", account_id=account_id, reason=type(error).__name__)
        return None


async def open_answer(data_keys: AccountDataKeys, account_id: str, sealed: str | None) -> str | None:
    """Return the beginning of an answer; None if there was none, or the key that sealed it was destroyed."""
    try:
        return await data_keys.open_words(account_id, _PURPOSE, sealed)
    except NotFound:
        return None
