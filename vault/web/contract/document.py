"""The OpenAPI document: derived from the routes by FastAPI, then completed for readers and for client generators.

``openapi/openapi.yaml`` is a copy of it; a running service serves it at ``/openapi.json``. Fields are described by the
``#:`` comments above them. Their source is parsed when the contract is generated, not when the models are created:
pydantic's own option (``use_attribute_docstrings``) would add 0.2 s to every process start.
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from textwrap import dedent
from typing import Any, get_type_hints

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from vault.domain.events import event_schemas
from vault.web.contract.descriptions import SESSION_COOKIE, WEBHOOK_SIGNATURE
from vault.web.contract.examples import EXAMPLES
from vault.web.schemas.calls import webhook_events

_METHODS = ("get", "put", "post", "patch", "delete")
_TAGS = {
    "webhooks": "Webhooks of telephony platforms, and their requests for call instructions.",
    "accounts": "Accounts, their recording switch and their connections.",
    "calls": "Facts of calls, and consent events of their parties.",
    "recordings": "Upload, find, download, restrict and erase recordings; notes on them.",
    "consent": "Policy, objections, quarantine and evidence.",
    "events": "Endpoints that receive what happens in an account, as signed webhooks.",
    "hand-over": "Hand-over of calls to CRMs and helpdesks, never of audio: integrations, and what stands in them.",
    "requests of people": "Requests of people about their data, their deadlines, decisions and receipts.",
    "notices": "Announcements that a call is recorded: texts, audio, versions.",
    "rules": "The consent rules by place, with their sources. Not legal advice.",
    "links": "Links that let a person or a program play one recording for a limited time.",
    "access log": "Every access to a recording and every change, with proofs.",
    "holds": "Holds, under which nothing is erased.",
    "card data": "Card data in audio: what is done about it, and what was found.",
    "approvals": "Acts that a second person must approve, and the rule that says which ones.",
    "retention": "How long recordings are kept, and why one is still here.",
    "registers": "Record of processing, recipients, disclosures, requests of authorities, and the page for callers.",
    "key rotation": "The versions of an account's key, and customer-managed keys.",
    "keys": "API keys and their scopes.",
    "sign-in": "Sign-in of people by OpenID Connect: connections, roles, members, sessions in the console.",
    "playback": "The link's page, its session, and the audio of a session.",
    "operation": "For load balancers and monitoring.",
}
#: Descriptions of parameters, by name, for all routes.
_PARAMETERS = {
    "account": "The account's name.",
    "approval": "The id of the approval.",
    "hold": "The id of the hold.",
    "endpoint": "The id of the event endpoint.",
    "integration": "The id of the integration.",
    "handover": "The id of the hand-over.",
    "pause": "The id of the pause.",
    "proposal": "The id of the proposal.",
    "note": "The id of the note, in the response that made it.",
    "member": "The id of the member.",
    "invitation": "The id of the invitation.",
    "preview-digest": "The `digest` of a preview of the same change.",
    "due_before": "Only open requests whose deadline is before this time.",
    "request_id": "The id of the request.",
    "told_at": "When all persons who had asked for the restriction were informed that it is lifted.",
    "requests": "The id of each request whose person was informed; needed if the restriction was asked for in several.",
    "authority_request": "The id of the request in the register.",
    "agent": "The agent's name or id, exactly as the platform sent it.",
    "call": "The platform's id of a call.",
    "call_ref": "The platform's id of the call.",
    "connection": "The id of the connection, from its `webhook_url`.",
    "cursor": "`next_cursor` of the previous page.",
    "encoding": "The sample encoding.",
    "index": "The event's leaf index in the log's tree.",
    "key": "The id of an API key.",
    "language": "The language of the fixed texts.",
    "limit": "Max items on a page.",
    "link": "The id of the link.",
    "listener": "The listener's name in the links.",
    "name": "The connection's name within the account.",
    "notice": "The id of the notice.",
    "number": "A telephone number; write `+` as `%2B`.",
    "page": "The id of the page, from `page_url`.",
    "place": "ISO 3166-1 (`FR`) or ISO 3166-2 (`US-WA`).",
    "provider": "The telephony provider.",
    "recipient": "The id of the recipient; in a filter: the listener's name in the link.",
    "recording": "The id of the recording.",
    "recording_ref": "The platform's id of the recording.",
    "session": "The id of the session.",
    "stage": "The stage of the call.",
    "state": "Only recordings in this state.",
    "status": "Only notices with this status.",
    "token": "The secret part of a link.",
    "door": "The id of a doorway, which is no secret.",
    "version": "The version of the account's key.",
    "voices": "The party on each channel: repeat it once per channel, in channel order.",
    "If-Match": "The ETag of the version that this change replaces.",
}
_SECURITY = {
    SESSION_COOKIE: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-{session}",
        "description": "The cookie set by `POST /p/{token}/open`; its name is the session's id. Without "
        "https it has no `__Host-` prefix.",
    },
    WEBHOOK_SIGNATURE: {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "The signature of the Standard Webhooks specification. Other providers sign in their own "
        "way: Aircall sends a token in the body; Twilio, SignalWire, Plivo, Telnyx and Vonage use headers of "
        "their own.",
    },
}
#: Replacements for FastAPI's descriptions of successful responses.
_SUCCESS_DESCRIPTIONS = {
    "Successful Response": "OK",
    "OK": "OK",
    "Created": "Created",
    "Accepted": "Accepted",
}
_PROBLEM = {
    "title": "Problem",
    "description": "An error, and what to do about it (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "The address of its section on this vault's page of errors.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "field": {"type": "string", "description": "The invalid field."},
        "limit": {"type": "string", "description": "The limit of the account that a 429 is about."},
        "reasons": {"type": "array", "items": {"type": "string"}, "description": "Reason codes."},
        "errors": {
            "type": "array",
            "description": "All invalid fields.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "examples": [
        {
            "type": "/errors#not-valid",
            "title": "Not valid",
            "status": 422,
            "detail": "sessions must not be sent for a media link: it has one session.",
            "field": "sessions",
        }
    ],
}


def describe(app: FastAPI, routers: Iterable[APIRouter], *, public_url: str) -> dict[str, Any]:
    """Return the OpenAPI document of an app with these routers, for a vault at ``public_url``."""
    document = deepcopy(FastAPI.openapi(app))
    document["servers"] = [{"url": public_url}]
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    components = document["components"]
    components["securitySchemes"] |= _SECURITY
    components["schemas"] |= webhook_events.components()
    event_schemas.openapi_webhooks(document)
    components["schemas"]["Problem"] = _PROBLEM
    for model, example in EXAMPLES.items():
        components["schemas"][model.__name__]["examples"] = [example]
    models = models_of("vault.web")
    for name, schema in components["schemas"].items():
        for field, text in field_comments(models[name]).items() if name in models else ():
            schema["properties"][field].setdefault("description", text)
    routes = {
        route.name: route for router in routers for route in router.routes if isinstance(route, APIRoute)
    }
    for operation in _operations(document):
        _complete(operation, routes[operation["operationId"]])
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from (operation for method, operation in methods.items() if method in _METHODS)


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Add an operation's summary, scope, parameter descriptions and security."""
    operation["description"] = operation["description"].replace("``", "`")
    first, *more = re.split(r"(?<=[.:;]) |\n\n", operation["description"], maxsplit=1)
    operation["summary"] = first.rstrip(".:;")
    meanings = _PARAMETERS | _query_comments(route)
    for parameter in operation.get("parameters", []):
        name = {"if-match": "If-Match"}.get(parameter["name"], parameter["name"])
        if name in meanings:
            parameter.setdefault("description", meanings[name])
    answers = operation["responses"]
    for answer in answers.values():
        answer["description"] = _SUCCESS_DESCRIPTIONS.get(answer["description"], answer["description"])
    operation["responses"] = {status: answers[status] for status in sorted(answers)}
    if scope := operation.pop("x-scope", next(_required_scopes(route.dependant), None)):
        operation["description"] += f"\n\nNeeds the scope `{scope}`."
    elif not more:
        del operation["description"]
    # An empty list states explicitly that the operation needs no authentication.
    operation.setdefault("security", [])


def _query_comments(route: APIRoute) -> dict[str, str]:
    """Return the field comments of the route's query model, by parameter name."""
    models = (hint for hint in get_type_hints(route.endpoint).values() if isinstance(hint, type))
    return {
        name: text
        for model in models
        if issubclass(model, BaseModel)
        for name, text in field_comments(model).items()
    }


def _required_scopes(dependant: Dependant) -> Iterator[str]:
    """Yield the scopes that the dependencies of a route require."""
    if (scope := getattr(dependant.call, "scope", None)) is not None:
        yield scope
    for inner in dependant.dependencies:
        yield from _required_scopes(inner)


def models_of(package: str) -> dict[str, type[BaseModel]]:
    """Return every imported model of a package, by its name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        for model in waiting.pop().__subclasses__():
            waiting.append(model)
            if model.__module__.startswith(f"{package}."):
                found[model.__name__] = model
    return found


def field_comments(model: type[BaseModel]) -> dict[str, str]:
    """Return the comments of a model's fields, by the field's JSON name."""
    commented: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            commented |= _comments(base)
    return {
        field.serialization_alias or field.alias or name: commented[name]
        for name, field in model.model_fields.items()
        if name in commented
    }


def _comments(model: type[BaseModel]) -> dict[str, str]:
    source = dedent(inspect.getsource(model))
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        comment: list[str] = []
        for line in reversed(lines[: node.lineno - 1]):
            if not line.strip().startswith("#:"):
                break
            comment.insert(0, line.strip().removeprefix("#:").strip())
        if comment:
            found[node.target.id] = " ".join(comment).replace("``", "`")
    return found
