"""Routes of the console, whose errors are pages: the sign-in page without a session, else what happened."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from vault.errors import (
    Busy,
    Forbidden,
    Held,
    Invalid,
    NotAuthentic,
    NotFound,
    RecordingErased,
    Refused,
    TooMany,
    Unavailable,
    VaultError,
)
from vault.web.console.access import Console, delete_console_cookie, sends_console_cookie
from vault.web.console.ended_session import ended_page, is_form_of_account
from vault.web.console.forms import see_other
from vault.web.console.layout import console_page, message_page
from vault.web.console.list_pages import as_csv
from vault.web.console.mistakes import words_of_error
from vault.web.console.names import fill_marks
from vault.web.http.html import prepare_console
from vault.web.http.languages import language_of
from vault.web.http.problems import of_error
from vault.web.http.translations import in_language, translatable, translated

_TITLES: Final[tuple[tuple[type[VaultError], str], ...]] = translatable(
    (
        (RecordingErased, "This recording is erased"),
        (NotFound, "There is no such page"),
        (Forbidden, "Your sign-in does not allow this"),
        (Invalid, "Something in the form is not right"),
        (Held, "A hold forbids this"),
        (Busy, "This is being done right now"),
        (Refused, "This cannot be done now"),
        (TooMany, "Too many requests"),
        (Unavailable, "The vault cannot do this at the moment"),
    )
)
_FAILED = translatable("Something went wrong")
_NOT_FOUND = translatable("There is no such page, or it is not for your sign-in.")
_UNAVAILABLE = translatable("Wait a moment, check whether it was done, and try again if it was not.")


class ConsoleRoute(APIRoute):
    """A route that answers errors with pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def handle_with_pages(request: Request) -> Response:
            if not prepare_console.cache_info().currsize:
                # It would keep the event loop busy, template by template.
                await asyncio.to_thread(prepare_console)
            with in_language(language_of(request)):
                try:
                    response = await handle(request)
                except NotAuthentic:
                    return await ended_page(request) if is_form_of_account(request) else to_sign_in(request)
                except RequestValidationError:
                    response = error_page(request, NotFound(_NOT_FOUND))
                except VaultError as error:
                    response = error_page(request, error)
                await fill_marks(request, response)
                return as_csv(request, response)

        return handle_with_pages


def console_router(prefix: str = "/console/accounts/{account}") -> APIRouter:
    """Return a router for pages of the console; REST's contract does not have them."""
    return APIRouter(
        prefix=prefix, route_class=ConsoleRoute, include_in_schema=False, default_response_class=Response
    )


def to_sign_in(request: Request) -> Response:
    """Return 303 to the sign-in page, which leads back to what was asked for."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    had_session = sends_console_cookie(request)
    query = {"next": asked} if request.method == "GET" and asked != "/console" else {}
    query |= {"done": "session_over"} if had_session else {}
    response = see_other("/console/sign-in" + (f"?{urlencode(query)}" if query else ""))
    if had_session:
        # Without one, the request may be that of an image on another site, which must not sign anybody out.
        delete_console_cookie(request, response)
    return response


def error_page(request: Request, error: VaultError) -> Response:
    """Return the page of an error, with the status and Retry-After of its problem document."""
    problem = of_error(error)
    status = problem.status_code
    title = translated(next((title for kind, title in _TITLES if isinstance(error, kind)), _FAILED))
    text, is_english = words_of_error(error)
    if isinstance(error, NotFound) and not isinstance(error, RecordingErased):
        text, is_english = translated(_NOT_FOUND), False
    elif status >= 500:  # noqa: PLR2004 - the server's own errors
        text, is_english = translated(_UNAVAILABLE), False
    allowed: Console | None = getattr(request.state, "console", None)
    if allowed is None:
        response = message_page(title, text, status=status, is_english=is_english)
    else:
        response = console_page(
            request,
            allowed,
            "error.html",
            section="",
            status=status,
            values={"title": title, "text": text, "is_english": is_english},
        )
    if (delay := problem.headers.get("retry-after")) is not None:
        response.headers["Retry-After"] = delay
    return response
