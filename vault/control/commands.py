"""Every command of an operator, with what it may change, and the client that asks a running server to do one.

A command that is not in the table does not run. The client of the control socket (``socket.py``) loads nothing that
takes long, so a command begins soon.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vault.domain.progress import ProgressCallback, no_progress
from vault.domain.start_mode import StartMode
from vault.errors import Invalid, NotFound, Unavailable

START_MODES: Final[Mapping[str, StartMode]] = {
    "hello": StartMode.READ,
    "fsck": StartMode.READ,
    "accounts.closure": StartMode.READ,
    "requests.list": StartMode.READ,
    "sign-in.show": StartMode.READ,
    "sign-in.people": StartMode.READ,
    # What is shown of the log is anchored before, so an export may write an anchor.
    "log.head": StartMode.WRITE,
    "log.entries": StartMode.WRITE,
    "log.account-head": StartMode.WRITE,
    "log.account-entries": StartMode.WRITE,
    "accounts.close": StartMode.WRITE,
    "approvals.break-glass": StartMode.WRITE,
    "console.invite": StartMode.WRITE,
    "export-key": StartMode.WRITE,
    "retention.preview": StartMode.WRITE,
    "retention.resume": StartMode.WRITE,
    "retention.run": StartMode.WRITE,
    "move.receipt": StartMode.READ,
    "move.account": StartMode.WRITE,
    "move.give-up": StartMode.WRITE,
    "rewrite-store": StartMode.WRITE,
    "rotate.begin": StartMode.WRITE,
    "rotate.root": StartMode.WRITE,
    "rotate.step": StartMode.WRITE,
    "sign-in.delete": StartMode.WRITE,
    "sign-in.readmit": StartMode.WRITE,
    "sign-in.remove": StartMode.WRITE,
    "sign-in.set": StartMode.WRITE,
    "sweep": StartMode.WRITE,
    "keys.create": StartMode.INITIALIZE,
    "restore": StartMode.RESTORE,
}
#: Max bytes of a response: a part of the access log.
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024


def start_mode_of(*commands: str) -> StartMode:
    """Return the mode that these commands share. Raises NotFound for an unknown one, ValueError for two modes."""
    if unknown := [command for command in commands if command not in START_MODES]:
        raise NotFound(f"There is no command {unknown[0]!r}.")
    (mode,) = {START_MODES[command] for command in commands}
    return mode


async def ask(
    path: Path, command: str, arguments: Mapping[str, Any], progress: ProgressCallback = no_progress, /
) -> Any:
    """Run a command in a running server. Raises Unavailable if there is none, Invalid for an error response."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_ANSWER_BYTES)
    except OSError as error:
        raise Unavailable("No server is running on this data directory.") from error
    try:
        writer.write(json.dumps({"command": command, "arguments": dict(arguments)}).encode() + b"\n")
        await writer.drain()
        while (line := await reader.readline()) and "seen" in (answer := json.loads(line)):
            await progress(*answer["seen"])
    finally:
        writer.close()
    if not line:
        raise Unavailable("The server closed the control socket before it answered. Repeat the command.")
    if "error" in answer:
        raise Invalid(answer["error"])
    return answer["result"]
