"""Acts of the console that can need an approval: do the act, or ask a second person for it."""

from collections.abc import Awaitable, Mapping
from typing import Any

from vault.errors import ApprovalNeeded
from vault.web.console.here import Here


async def done_or_asked(
    here: Here, act: Awaitable[object], done: str, *, subject: str, arguments: Mapping[str, Any]
) -> str:
    """Do the act, and return the path ``done``; that of the approval if the account's rule wants one for it.

    ``arguments`` are those that REST stores for the same act: the vault carries out what was approved.
    """
    try:
        await act
    except ApprovalNeeded as needed:
        asked = await here.vault.approvals.ask(
            here.account_id, needed, subject=subject, arguments=arguments, reason=None, actor=here.actor
        )
        return f"/approvals/{asked.id}?done=asked"
    return done
