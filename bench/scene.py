"""What a part serves: apps that differ in one part of the vault, and what the client must know."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from vault.composition.adapters import utc_now
from vault.services.service import Vault
from vault.settings import Settings
from vault.web.app import Hosting, build


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a part serves: an app for each variant, and what the client must know."""

    apps: Mapping[str, ASGIApp]
    facts: Mapping[str, Any]
    #: Answers the bench's later questions.
    tell: Callable[[Mapping[str, Any]], Awaitable[Any]] = field(default=lambda _: asyncio.sleep(0))


def app_of(settings: Settings, vault: Vault) -> FastAPI:
    """Return the vault's own app, built as ``vault/server/asgi.py`` builds it."""
    hosting = Hosting(public_url=settings.public_url, trusted_proxies=settings.trusted_proxies)
    app = build(hosting, utc_now)
    app.state.vault = vault
    return app
