"""An operator's commands that export the access log, whole or one account's part of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vault.errors import NotFound

if TYPE_CHECKING:
    from vault.services.service import Vault


async def perform_log(vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str) -> Any:  # noqa: ARG001 - as every group
    """Return a part of an export. Raises the errors of the service."""
    proofs = vault.audit_log.proofs
    if command == "log.head":
        size, head = await proofs.export_head()
        return {"size": size, "text": head.decode()}
    if command == "log.entries":
        return (await proofs.export_entries(arguments["start"], arguments["end"])).decode()
    if command == "log.account-head":
        account_id = await proofs.find_account(arguments["account"])
        size, head = await proofs.export_head(version=2)
        return {"account": account_id, "size": size, "text": head.decode()}
    if command != "log.account-entries":
        raise NotFound(f"There is no command {command!r}.")
    lines, end = await proofs.export_part(
        arguments["account"], arguments["start"], arguments["size"], arguments["earlier"]
    )
    return {"text": lines.decode(), "end": end}
