"""A receiver of events as a process of its own: HTTPS that takes everything, and answers how much it has got.

It keeps a connection as long as its client, as receivers do.
"""

import asyncio
import json
import ssl
import sys
from contextlib import suppress
from typing import Any

_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


def main() -> None:
    """Serve until the standard input ends."""
    asyncio.run(_serve(json.loads(sys.argv[1])))


async def _serve(config: dict[str, Any]) -> None:
    taken = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        with suppress(OSError, asyncio.IncompleteReadError):
            closes = False
            while not closes:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                lengths = [line for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(lengths[0].partition(b":")[2]))
                taken += 1
                writer.write(_TAKEN)
                await writer.drain()
                closes = b"\r\nconnection: close\r\n" in head
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config["certificate"], config["key"])
    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    _say(server.sockets[0].getsockname()[1])
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.buffer.readline):
        _say(taken)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
