"""An operator's closing of an account: what it would erase, asking for it, and how far it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vault.domain.requests.request import RequestState
from vault.errors import NotFound
from vault.rfc3339 import write_rfc3339

if TYPE_CHECKING:
    from vault.services.service import Vault


async def perform_accounts(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Ask for the closure of an account, or show it; return what is there to erase, and the state of the closure.

    Raises the errors of the service, such as ApprovalNeeded where the account's rule wants a second person.
    """
    if command not in {"accounts.close", "accounts.closure"}:
        raise NotFound(f"There is no command {command!r}.")
    account = await vault.accounts.find(arguments["account"])
    if command == "accounts.close":
        await vault.closures.ask(
            account.id, reason=arguments["reason"], export=arguments["export"], actor=actor
        )
    return {"account": account.ref, **await _shown(vault, account.id)}


async def _shown(vault: "Vault", account_id: str) -> dict[str, Any]:
    preview = await vault.closures.preview(account_id)
    numbers = {
        "recordings": preview.recordings,
        "holds": preview.holds,
        "calls": preview.calls,
        "waiting_days": preview.waiting.days,
    }
    try:
        closure = await vault.closures.read(account_id)
    except NotFound:
        return numbers | {"state": None, "closes_at": None, "id": None}
    is_open = closure.state is not RequestState.WITHDRAWN
    closes_at = closure.due_at if is_open else None
    return numbers | {
        "state": str(closure.state) if is_open else None,
        "closes_at": None if closes_at is None else write_rfc3339(closes_at, "seconds"),
        "id": closure.id,
    }
