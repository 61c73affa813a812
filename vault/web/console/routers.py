"""The routers of all pages of the console."""

from typing import Final

from vault.web.console import holds, overview, retention, sign_in

ROUTERS: Final = (sign_in.router, overview.router, retention.router, holds.router)
