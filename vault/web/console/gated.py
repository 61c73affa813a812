"""Acts of the console that can need an approval: do the act, or ask a second person for it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from vault.errors import ApprovalNeeded
from vault.services.service import Vault
from vault.web.console.access import Console


async def done_or_asked(
    vault: Vault,
    allowed: Console,
    act: Callable[[], Awaitable[str]],
    *,
    subject: str,
    arguments: Mapping[str, Any],
) -> str:
    """Return the path that ``act`` returns; that of the approval if the account's rule wants one for it.

    ``arguments`` are those that REST stores for the same act: the vault carries out what was approved.
    """
    try:
        return await act()
    except ApprovalNeeded as needed:
        asked = await vault.approvals.ask(
            allowed.account.id,
            needed,
            subject=subject,
            arguments=arguments,
            reason=None,
            actor=allowed.actor,
        )
    return f"{allowed.path}/approvals/{asked.id}?done=asked"
