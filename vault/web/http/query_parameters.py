"""Refuse parameters of a query that a route does not take: a misspelt one would have no effect, without a word."""

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from vault.errors import Invalid

#: By the function of a route.
_KNOWN: dict[Any, frozenset[str] | None] = {}


def refuse_unknown_parameters(request: Request) -> None:
    """Raise Invalid for the first unknown parameter of the query."""
    if not request.scope["query_string"]:
        return
    route = request.scope.get("route")
    known = _known(route) if isinstance(route, APIRoute) else None
    if known is None:
        return
    for name in request.query_params:
        if name not in known:
            raise Invalid(f"Not valid: {name}: unknown parameter.", field=name)


def _known(route: APIRoute) -> frozenset[str] | None:
    if route.endpoint not in _KNOWN:
        _KNOWN[route.endpoint] = _parameters(route)
    return _KNOWN[route.endpoint]


def _parameters(route: APIRoute) -> frozenset[str] | None:
    """Return the names of a route's parameters; None if a model has them, which refuses unknown ones itself."""
    fields = [field for part in _all(route.dependant) for field in part.query_params]
    kinds = [field.field_info.annotation for field in fields]
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return None
    return frozenset(field.alias for field in fields)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _all(part)
