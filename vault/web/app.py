"""The HTTP app: all routers behind one stack of middleware, and the only settings that the web package gets."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from ipaddress import IPv4Network, IPv6Network
from pkgutil import walk_packages
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig

from vault.domain.public_urls import PublicUrls
from vault.ports.clock import Clock
from vault.web import routes
from vault.web.console.routers import ROUTERS as CONSOLE
from vault.web.console.sign_in.limits import begun_sign_ins, wrong_sign_ins
from vault.web.contract import document, errors_page, reference_page
from vault.web.contract.descriptions import PROBLEM
from vault.web.http import html, problems
from vault.web.http.routing import HeadAsGet, Methods, RouteIndex
from vault.web.middleware.console_guard import ConsoleGuard
from vault.web.middleware.language_switch import LanguageSwitch
from vault.web.middleware.link_rate_limit import LinkRateLimit, dead_links
from vault.web.middleware.old_addresses import FollowMoves
from vault.web.middleware.recovery_mode import RecoveryMode
from vault.web.middleware.request_limits import RequestLimits
from vault.web.middleware.tracing import TracingMiddleware
from vault.web.player import doorways, sessions
from vault.web.player import links as player_links
from vault.web.player import notes as player_notes
from vault.web.routes import (
    access_events,
    card_data,
    event_deliveries,
    event_endpoints,
    events,
    find_recordings,
    members,
    node,
    provisioning,
    recordings,
    sign_in,
)
from vault.web.routes.accounts import accounts, api_keys, deliveries, key_rotation, limits, own_key, usage
from vault.web.routes.approvals import approvals
from vault.web.routes.calls import calls, metadata, pauses, webhooks
from vault.web.routes.consent import consent, notices, rules
from vault.web.routes.handover import handovers, integrations
from vault.web.routes.playback import link_keys, links
from vault.web.routes.playback import notes as recording_notes
from vault.web.routes.registers import privacy_page, registers
from vault.web.routes.requests import callback, closure, requests
from vault.web.routes.retention import holds, retention
from vault.web.scim.answers import PATH, of_http
from vault.web.scim.routers import ROUTERS as SCIM

#: FastAPI's telemetry would record full paths, which contain tokens; vault/tracing.py records route templates.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
#: In the order of the contract.
_ROUTE_MODULES = (
    webhooks, accounts, deliveries, closure, limits, usage, calls, pauses, find_recordings, recordings, card_data,
    metadata, recording_notes, consent, requests, callback, notices, rules, links, link_keys, holds,
    approvals, event_endpoints, event_deliveries, events, integrations, handovers,
    retention, access_events, registers, privacy_page, key_rotation, own_key, api_keys, sign_in, members, provisioning,
    player_links, sessions, player_notes, doorways, html, node,
)  # fmt: skip
if unserved := {
    one.name
    for one in walk_packages(routes.__path__, f"{routes.__name__}.")
    if hasattr(module := import_module(one.name), "router") and module not in _ROUTE_MODULES
}:
    raise LookupError(f"The routes of these modules are not served: {', '.join(sorted(unserved))}.")
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting(PublicUrls):
    """How clients reach the service."""

    #: Proxies whose X-Forwarded-For is trusted.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    #: Serve the contract at /openapi.json, and as a page at /reference.
    reference: bool = True
    #: Where the built documentation is, without a slash at its end.
    docs_url: str | None = None

    @property
    def secure(self) -> bool:
        """Tell whether clients reach the service over https."""
        return self.public_url.startswith("https://")


def build(hosting: Hosting, clock: Clock, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the app; its lifespan sets ``app.state.vault`` before the first request."""
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # The operator may enable vault/web/contract/reference_page.py.
        lifespan=lifespan,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,
    )
    app.state.hosting = hosting
    app.state.clock = clock
    app.state.failed_sign_ins = wrong_sign_ins()
    app.state.begun_sign_ins = begun_sign_ins()
    routers = [
        accounts.listing,
        event_endpoints.public,
        *(module.router for module in _ROUTE_MODULES),
        errors_page.router,
        *SCIM,
        *CONSOLE,
    ]
    if hosting.reference:
        routers.append(reference_page.router)
    methods = Methods(routers)
    problems.install(app, methods, {PATH: of_http})
    # Not by include_router, which would prepare each route a second time: half of the time that a start takes.
    app.router.routes += [RouteIndex(routers), *(route for router in routers for route in router.routes)]
    app.openapi = lambda: _contract(routers, hosting)  # type: ignore[method-assign]
    # Innermost, so that all other middleware sees the method that was sent.
    app.add_middleware(HeadAsGet, methods=methods)
    app.add_middleware(FollowMoves)
    app.add_middleware(LinkRateLimit, table=dead_links(), clock=clock)
    app.add_middleware(ConsoleGuard, public_url=hosting.public_url)
    app.add_middleware(LanguageSwitch, methods=methods)
    app.add_middleware(RecoveryMode)
    # Added later, so it is further out: it also sets its headers on the responses of RecoveryMode.
    app.add_middleware(RequestLimits, secure=hosting.secure, urls=hosting)
    app.add_middleware(TracingMiddleware)
    return app


def _contract(routers: Sequence[APIRouter], hosting: Hosting) -> dict[str, Any]:
    """Return the OpenAPI document, by an app that serves nothing."""
    app = FastAPI(
        title="callvault",
        version="1",
        description="A self-hosted vault for call recordings. Errors are RFC 9457 problems. The header X-Request-Id of "
        "every answer is an id that stands in the lines which the vault logged for it.",
        telemetry=_NO_TELEMETRY,
        responses={"4XX": PROBLEM, "5XX": PROBLEM},
        generate_unique_id_function=lambda route: route.name,
    )
    for router in routers:
        app.include_router(router)
    return document.describe(app, routers, public_url=hosting.public_url)


def build_health() -> FastAPI:
    """Return the app of a worker process: /healthz, /readyz and /metrics only."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=_NO_TELEMETRY)
    methods = Methods([node.router])
    problems.install(app, methods)
    app.include_router(node.router)
    app.add_middleware(HeadAsGet, methods=methods)
    app.add_middleware(RequestLimits, secure=False)
    return app
