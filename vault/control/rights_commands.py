"""An operator's commands for requests of people, approvals, closings of accounts, and retention.

Requests are shown by kind, state and deadline, never with who asked. The operator's word on an approval is for where no
second person can give one.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vault.domain.requests.request import RequestState
from vault.errors import NotFound
from vault.rfc3339 import write_rfc3339

if TYPE_CHECKING:
    from vault.services.service import Vault

#: The newest requests that one command lists.
MAX_LISTED = 200


async def perform_requests(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> list[dict[str, Any]]:
    """Return the newest requests of an account, newest first. Raises NotFound."""
    del actor
    if command != "requests.list":
        raise NotFound(f"There is no command {command!r}.")
    account = await vault.accounts.accounts.find(arguments["account"])
    state = arguments["state"]
    views = await vault.requests.requests.page(
        account.id,
        state=None if state is None else RequestState(state),
        due_before=None,
        before=None,
        limit=MAX_LISTED,
    )
    return [
        {
            "id": view.request.id,
            "kind": view.request.kind,
            "regime": view.request.regime,
            "state": str(view.request.state),
            "due_at": None
            if view.deadline.due_at is None
            else write_rfc3339(view.deadline.due_at, "seconds"),
        }
        for view in views
    ]


async def perform_approvals(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Approve an act alone; the access log says so. Raises the errors of the service."""
    if command != "approvals.break-glass":
        raise NotFound(f"There is no command {command!r}.")
    done = await vault.approvals.approvals.break_glass(
        arguments["approval"], reason=arguments["reason"], actor=actor
    )
    return {"act": done.kind, "subject": done.subject, "state": str(done.state), "outcome": done.outcome}


async def perform_accounts(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Ask for the closure of an account, or show it; return what is there to erase, and the state of the closure.

    Raises the errors of the service, such as ApprovalNeeded where the account's rule wants a second person.
    """
    if command not in {"accounts.close", "accounts.closure"}:
        raise NotFound(f"There is no command {command!r}.")
    account = await vault.accounts.accounts.find(arguments["account"])
    if command == "accounts.close":
        await vault.requests.closures.ask(
            account.id, reason=arguments["reason"], export=arguments["export"], actor=actor
        )
    return {"account": account.ref, **await _shown(vault, account.id)}


async def _shown(vault: "Vault", account_id: str) -> dict[str, Any]:
    preview = await vault.requests.closures.preview(account_id)
    numbers = {
        "recordings": preview.recordings,
        "holds": preview.holds,
        "calls": preview.calls,
        "waiting_days": preview.waiting.days,
    }
    try:
        closure = await vault.requests.closures.read(account_id)
    except NotFound:
        return numbers | {"state": None, "closes_at": None, "id": None}
    is_open = closure.state is not RequestState.WITHDRAWN
    closes_at = closure.due_at if is_open else None
    return numbers | {
        "state": str(closure.state) if is_open else None,
        "closes_at": None if closes_at is None else write_rfc3339(closes_at, "seconds"),
        "id": closure.id,
    }


async def perform_retention(
    vault: "Vault",
    command: str,
    _arguments: Mapping[str, Any],
    *,
    actor: str,
) -> Any:
    """Run a command. Raises the errors of the services.

    A sweep beside that of a worker is safe: each recording is judged under its locks.
    """
    sweep = vault.jobs.retention_sweep
    if command == "retention.resume":
        await sweep.clock.resume(actor=actor)
        return None
    if command not in {"retention.preview", "retention.run"}:
        raise NotFound(f"There is no command {command!r}.")
    await vault.jobs.apply_policies()
    return await sweep.preview() if command == "retention.preview" else (await sweep()).totals
