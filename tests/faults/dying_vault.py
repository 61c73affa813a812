"""A server that dies where its program is told to, on either database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.server import MortalVault
from tests.faults.switch_check import Look, looking_at
from tests.servers.media_thread import MediaThread
from tests.support.raw_client import Client


@contextmanager
def dying_vault(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest, *, program: str
) -> Iterator[tuple[MortalVault, Client, Look]]:
    """Run a server with an account to the end of the block; yield it, its client, and what reads its database."""
    settings = {"VAULT_MEDIA_ALLOW": media.authority}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    server = MortalVault(folder, program=("-m", program), **settings)
    client = server.new_client()
    server.start()
    try:
        client.open_account()
        yield server, client, looking_at(settings.get("VAULT_DATABASE_URL", server.database))
    finally:
        if server.running is not None:
            server.stop()
