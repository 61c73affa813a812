"""The client of the control socket (``socket.py``): it loads nothing that takes long, so a command begins soon."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vault.domain.progress import ProgressCallback, no_progress
from vault.errors import Invalid, Unavailable

#: Max bytes of a response: a part of the access log.
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024


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
