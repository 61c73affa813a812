"""Links, doorways and pages of an account that moved: they lead to the vault where it is.

Only what would be 404 is looked up, so a vault that no account has left does nothing more for those that open.
"""

from typing import Final

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault.errors import Unavailable

_PAGES: Final = ("/p/", "/h/", "/notices/", "/privacy/")
_NOT_FOUND: Final = 404


class FollowMoves:
    """Middleware that answers 308 in place of 404 where the account is at another vault."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at the status of its answer."""
        if scope["type"] != "http" or not scope["path"].startswith(_PAGES):
            await self._app(scope, receive, send)
            return
        led = False

        async def look(message: Message) -> None:
            nonlocal led
            if message["type"] == "http.response.start" and message["status"] == _NOT_FOUND:
                try:
                    address = await scope["app"].state.vault.node.old_addresses.of_page(scope["path"])
                except Unavailable as error:
                    led = True
                    wait = {"Retry-After": str(error.retry_after)}
                    await PlainTextResponse(str(error), 503, headers=wait)(scope, receive, send)
                    return
                if address is not None:
                    led = True
                    await RedirectResponse(address, status_code=308)(scope, receive, send)
            if not led:
                await send(message)

        await self._app(scope, receive, look)
