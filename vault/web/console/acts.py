"""Routes of forms: they run once, and come back as they were filled in if something is wrong or the session had ended.

A form is a function under ``acts`` that does one thing and returns the path to show next, below the account's. What is
wrong with it is shown by the page that ``again`` names: that page says itself, by the annotation of its first
parameter, which scope it needs.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import wraps
from inspect import Parameter, signature
from typing import get_args

from fastapi import APIRouter, Response

from vault.domain.accounts.account import Scope
from vault.errors import Busy, NotFound
from vault.web.console.ended_session import SEALED, foreign_page, open_form
from vault.web.console.forms import run_once, see_other
from vault.web.console.here import Here, scope_needed
from vault.web.console.mistakes import MISTAKES

#: A function of ``Here``, and of what the path names, that returns a page.
Page = Callable[..., Awaitable[Response]]
#: A function of ``Here``, and of what the path names, that carries out a form and returns the path to show next.
Act = Callable[..., Awaitable[str]]


def acts(router: APIRouter, path: str, *, again: Page | None) -> Callable[[Act], Page]:
    """Make a form's function a route; ``again`` shows its mistakes. Without it they have a page of their own."""

    def decorate(act: Act) -> Page:
        @comes_back(again)
        @wraps(act)
        async def route(here: Here, **of_path: str) -> Response:
            sent = await here.with_form()

            async def run() -> str:
                return await act(sent, **of_path)

            return await run_or_show(sent, run, of_path, again=again)

        route.__signature__ = signature(act).replace(return_annotation=Response)  # type: ignore[attr-defined]
        router.post(path)(route)
        return route

    return decorate


def comes_back(again: Page | None) -> Callable[[Page], Page]:
    """Let a route show a form again that was sent after the session had ended; ``again`` as ``acts`` takes it."""

    def decorate(answer: Page) -> Page:
        if again is not None:
            _check(answer, again)

        @wraps(answer)
        async def route(here: Here, **of_path: str) -> Response:
            if not (await here.request.body()).startswith(f"{SEALED}=".encode()):
                return await answer(here, **of_path)
            return await _returned(here, of_path, again)

        return route

    return decorate


async def _returned(here: Here, of_path: Mapping[str, str], again: Page | None) -> Response:
    """Show a form as it was typed, to whoever typed it. Nothing is done. Raises Invalid, Forbidden."""
    sealed = (await here.request.body()).decode("latin-1").removeprefix(f"{SEALED}=")
    found = open_form(here.request, sealed, now=here.now, actor=here.actor)
    if found is None:
        return foreign_page(here.request, sealed)
    if again is None:
        return see_other(here.allowed.path)
    parameters = _parameters(again)
    here.allowed.require(_scope_of(parameters[0]))
    names = {one.name for one in parameters}
    shown = replace(here, form=found.form, mistake=found.mistake())
    return await again(shown, **{name: of_path[name] for name in of_path if name in names})


async def run_or_show(
    here: Here,
    act: Callable[[], Awaitable[str]],
    of_path: Mapping[str, str],
    *,
    again: Page | None,
    content: bytes | None = None,
) -> Response:
    """Run a form once; ``again`` shows what is wrong with it. ``content``: as ``run_once`` takes it."""

    async def run() -> str:
        return here.allowed.path + await act()

    try:
        return await run_once(here.request, here.allowed, here.form, run, content=content)
    except Busy:
        raise
    except (*MISTAKES, NotFound) as error:
        # What does not exist is a mistake in the form only if the form names it, not if the address does.
        if again is None or (isinstance(error, NotFound) and error.field is None):
            raise
        parameters = _parameters(again)
        if not here.allows(_scope_of(parameters[0])):
            raise
        names = {one.name for one in parameters}
        return await again(here.wrong(error), **{name: of_path[name] for name in of_path if name in names})


def _check(act: Callable[..., object], again: Page) -> None:
    """Raise TypeError unless ``again`` can be called with what the path of the act names, and says its scope."""
    first, *others = _parameters(again)
    _scope_of(first)
    given = {one.name for one in _parameters(act)}
    if lacking := [one.name for one in others if one.default is one.empty and one.name not in given]:
        msg = f"The page {again.__qualname__} needs {lacking}, which the path of {act.__qualname__} does not name."
        raise TypeError(msg)


def _parameters(function: Callable[..., object]) -> list[Parameter]:
    return list(signature(function).parameters.values())


def _scope_of(here: Parameter) -> Scope:
    """Return the scope that a page needs. Raises TypeError for one that names none."""
    for one in get_args(here.annotation)[1:]:
        if (scope := scope_needed(getattr(one, "dependency", None))) is not None:
            return scope
    msg = f"The first parameter of a page is Annotated[Here, needs(...)], not {here.annotation}."
    raise TypeError(msg)
