"""An operator's word on an approval, where no second person can give one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vault.errors import NotFound

if TYPE_CHECKING:
    from vault.services.service import Vault


async def perform_approvals(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Approve an act alone; the access log says so. Raises the errors of the service."""
    if command != "approvals.break-glass":
        raise NotFound(f"There is no command {command!r}.")
    done = await vault.approvals.break_glass(arguments["approval"], reason=arguments["reason"], actor=actor)
    return {"act": done.kind, "subject": done.subject, "state": str(done.state), "outcome": done.outcome}
