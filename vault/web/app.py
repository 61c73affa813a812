"""The HTTP app: every door, under one guard."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from vault.ports.clock import Clock
from vault.web import (
    access_events,
    accounts,
    calls,
    consent,
    health,
    key_rotation,
    keys,
    links,
    metrics,
    notices,
    own_key,
    playback,
    problems,
    recordings,
    rendering,
    rules,
    sessions,
    webhooks,
)
from vault.web.dead_links import DeadLinks, LinkLimit
from vault.web.guard import Guard
from vault.web.hosting import Hosting
from vault.web.recovery import RecoveryGate
from vault.web.traced import Traced

#: FastAPI's own would tell whole paths, which hold tokens; vault/tracing.py tells routes.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build(hosting: Hosting, clock: Clock, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the app; its lifespan sets ``app.state.vault`` before the first request."""
    app = FastAPI(
        title="callvault",
        version="1",
        description="A self-hosted vault for call recordings. Errors are RFC 9457 problems.",
        # The contract is in the repository; a running service does not describe itself to strangers.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,
        responses={"4XX": problems.DESCRIBED, "5XX": problems.DESCRIBED},
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.hosting = hosting
    app.state.clock = clock
    problems.install(app)
    for door in (webhooks, accounts, calls, recordings, consent, notices, rules, links):
        app.include_router(door.router)
    for door in (access_events, key_rotation, own_key, keys, playback, sessions, rendering, health, metrics):
        app.include_router(door.router)
    app.add_middleware(LinkLimit, table=DeadLinks(), clock=clock)
    app.add_middleware(RecoveryGate)
    # After it, so that it is further out: its headers stand on the answers of the other, too.
    app.add_middleware(Guard, secure=hosting.secure)
    app.add_middleware(Traced)
    return app


def build_health() -> FastAPI:
    """Return the app of a process that works and serves nobody: three doors for machines that look after it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=_NO_TELEMETRY)
    problems.install(app)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.add_middleware(Guard, secure=False)
    return app
