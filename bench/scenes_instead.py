"""The scene in which a recording comes in over HTTP and is heard, while it is watched what that takes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from bench.scene import Scene, app_of
from bench.stage import ingest_key, let_in, open_session
from bench.usage import forget_peak, usage
from vault.domain.recordings.recording import Recording
from vault.services.service import Vault
from vault.settings import Settings


@asynccontextmanager
async def instead(settings: Settings, vault: Vault, config: Mapping[str, Any]) -> AsyncIterator[Scene]:  # noqa: ARG001 - every scene is made alike
    """Serve the vault as it is; say what the process has used, and open a session on what came in last."""
    bearer = await ingest_key(vault)
    brought: list[Recording] = []

    async def tell(question: Mapping[str, Any]) -> Any:
        if question["do"] == "let in":
            brought.append(await let_in(vault))
            return len(brought)
        if question["do"] == "listen":
            return asdict(await open_session(vault, brought[-1]))
        return forget_peak() if question["do"] == "forget peak" else usage()

    yield Scene(apps={"vault": app_of(settings, vault)}, facts={"bearer": bearer}, tell=tell)
