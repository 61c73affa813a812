"""Seal the beginnings of answers as words of their account: a receiver's words may hold personal data."""

from vault.domain.outbox.attempt import Attempt, shown_answer
from vault.errors import VaultError
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.structured_log import Log

_LOG = Log(__name__)


async def seal_answer(data_keys: AccountDataKeys, account_id: str, attempt: Attempt) -> str | None:
    """Return the beginning of an answer as sealed text; None if it is empty, or cannot be sealed now."""
    text = shown_answer(attempt.answer)
    if not text:
        return None
    try:
        return await data_keys.seal_words(account_id, "outbox-answer", text)
    except VaultError as error:
        _LOG.warning("outbox.answer_not_kept", account_id=account_id, reason=type(error).__name__)
        return None
