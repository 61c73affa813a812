"""The control socket: runs commands in a running server, the only process that may use its SQLite file.

One JSON line in, one JSON line out (and progress lines before it), over a Unix socket in the data directory that only
the owner of the process can open. A user who can open it can read the root key too. ``commands.py`` asks.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vault.control.commands import start_mode_of
from vault.control.log_commands import perform_log
from vault.control.move_commands import perform_move
from vault.control.rights_commands import (
    perform_accounts,
    perform_approvals,
    perform_requests,
    perform_retention,
)
from vault.control.rotation_commands import perform_rotation
from vault.control.sign_in_commands import perform_sign_in
from vault.domain.progress import ProgressCallback, no_progress
from vault.errors import NotFound, StartRefused, Unavailable, VaultError
from vault.services.backup.fsck import FsckPlace
from vault.structured_log import Log

if TYPE_CHECKING:
    from vault.services.service import Vault

_LOG = Log(__name__)
_MAX_REQUEST_BYTES = 64 * 1024
OPERATOR = "operator"


@asynccontextmanager
async def control_socket(vault: "Vault", path: Path) -> AsyncIterator[None]:
    """Serve commands while the block runs."""
    await asyncio.to_thread(path.unlink, missing_ok=True)
    old = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(
            lambda reader, writer: _serve(vault, reader, writer), path=path, limit=_MAX_REQUEST_BYTES
        )
    except OSError as error:
        raise StartRefused(
            "The control socket cannot be made in the data directory. Is its path longer than about 100 "
            "characters, or on a file system without sockets? Move VAULT_DATA_DIR."
        ) from error
    finally:
        os.umask(old)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _serve(vault: "Vault", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def report(what: str, done: int, of: int) -> None:
        writer.write(json.dumps({"seen": [what, done, of]}).encode() + b"\n")
        await writer.drain()

    try:
        request = json.loads(await reader.readline())
        answer = {"result": await perform(vault, request["command"], request["arguments"], report)}
    except ConnectionError:
        # The client disconnected: the next progress report raised, which ended the command.
        writer.close()
        return
    except VaultError as error:
        answer = {"error": str(error)}
    except (ValueError, KeyError, TypeError):
        answer = {"error": "Malformed command on the control socket. Use the same release as the server."}
    except Exception as error:  # noqa: BLE001 - one command must not end the server
        _LOG.error("control.failed", error=type(error).__name__, trace=True)
        answer = {"error": "The command failed; the error is in the server's log."}
    with suppress(ConnectionError):
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    writer.close()


async def _perform_keys(vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str) -> str:
    """Return the text of a new API key."""
    if command != "keys.create":
        raise NotFound(f"There is no command {command!r}.")
    account = arguments["account"]
    account_id = (await vault.accounts.accounts.find(account)).id if account else None
    _, text = await vault.accounts.api_keys.issue(
        name=arguments["name"], scopes=arguments["scopes"], account_id=account_id, actor=actor
    )
    return text.text


async def _perform_console(vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str) -> str:  # noqa: ARG001 - as the others
    """Return the token of an address that signs in to the console once."""
    if command != "console.invite":
        raise NotFound(f"There is no command {command!r}.")
    return (await vault.accounts.console_sessions.invite(arguments["key"])).text


#: Commands whose name begins with the group and a dot.
_GROUPS: Final = {
    "accounts": perform_accounts,
    "keys": _perform_keys,
    "log": perform_log,
    "console": _perform_console,
    "rotate": perform_rotation,
    "retention": perform_retention,
    "requests": perform_requests,
    "approvals": perform_approvals,
    "sign-in": perform_sign_in,
}


async def perform(
    vault: "Vault", command: str, arguments: Mapping[str, Any], progress: ProgressCallback = no_progress, /
) -> Any:
    """Run an operator's command in this process. Raises the errors of the service.

    In recovery mode every command except restore, fsck and hello raises Unavailable.
    """
    start_mode_of(command)
    if command == "restore":
        return asdict(await vault.backup.restore(actor=OPERATOR, progress=progress))
    if command == "fsck":
        place = FsckPlace(**arguments["place"])
        return asdict(
            await vault.backup.fsck.part(
                place, sample=arguments["sample"], rate=arguments["rate"], progress=progress
            )
        )
    return None if command == "hello" else await _perform(vault, command, arguments, progress)


async def _perform(
    vault: "Vault", command: str, arguments: Mapping[str, Any], progress: ProgressCallback
) -> Any:
    """Run a command that writes or reads the log; refused in recovery mode."""
    if await vault.node.recovery.check():
        raise Unavailable(
            "The vault is in recovery mode: its database lacks changes that its object store has. "
            "Run `callvault restore`."
        )
    if command.startswith("move."):
        return await perform_move(vault, command, arguments, progress, actor=OPERATOR)
    if command == "export-key":
        return await vault.audit_log.proofs.export_recording_key(arguments["recording"], actor=OPERATOR)
    if perform_group := _GROUPS.get(command.partition(".")[0]):
        return await perform_group(vault, command, arguments, actor=OPERATOR)
    if command == "sweep":
        await vault.jobs.destroy_rest()
        return await vault.jobs.sweep(everything=True)
    if command == "rewrite-store":
        return await vault.jobs.rewrite_store.begin(actor=OPERATOR)
    raise NotFound(f"There is no command {command!r}.")
