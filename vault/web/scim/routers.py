"""The routers of SCIM."""

from typing import Final

from vault.web.scim import discovery, groups, users

ROUTERS: Final = (users.router, groups.router, discovery.router)
