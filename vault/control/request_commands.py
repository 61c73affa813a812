"""An operator's view of requests of people: kinds, states and deadlines, never who asked."""

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
    account = await vault.accounts.find(arguments["account"])
    state = arguments["state"]
    views = await vault.requests.page(
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
