"""The routers of all pages of the console."""

from typing import Final

from vault.web.console import holds, overview, request_forms, requests, retention, sign_in

ROUTERS: Final = (
    sign_in.router,
    overview.router,
    retention.router,
    holds.router,
    requests.router,
    request_forms.router,
)
