"""What the contract says of events: a JSON schema and an example for each type, OpenAPI webhooks, and AsyncAPI."""

from collections.abc import Mapping
from typing import Any, Final

from vault.domain.events.event_types import OUTWARD_TYPES, OutwardType

Json = dict[str, Any]
_REFS: Final = "#/components/schemas/"
#: The schema of any event.
ANY_EVENT: Final = "VaultEvent"
_VERSION: Final = "1"
_FIELDS: Final[Mapping[str, str]] = {
    "account": "The id of the account.",
    "recording": "The id of the recording.",
    "link": "The id of the link.",
    "hold": "The id of the hold.",
    "notice": "The id of the notice.",
    "request": "The id of the request.",
    "actor": "The id of the API key, or of a link of the listener.",
    "recordings": "How many recordings that were.",
    "checkpoint": "The signed note, as `GET /v1/access-log/checkpoint` gives it.",
    "connection": "The id of the connection.",
    "integration": "The id of the integration.",
    "approval": "The id of the approval.",
    "destination": "The endpoint, as `events/` and its id, or another receiver.",
    "reason": "A code that says why, or the id of the request for which it was done.",
    "due": "The day from which it is erased, in UTC.",
    "answer": "The party and its answer.",
    "switch": "`on` or `off`.",
    "version": "The version of the key.",
}
#: Not in each event that may have it: an entry of the log may have no reason, and what is superseded has no date.
_OPTIONAL: Final = frozenset({"reason", "due"})
_HEADERS: Final[Mapping[str, str]] = {
    "webhook-id": "The id of the event, the same at each attempt.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    "webhook-signature": "Signatures over id, timestamp and body, divided by spaces: `v1,` and HMAC-SHA256 in base64 "
    "for each valid secret; `v1a,` and Ed25519 if the endpoint asks for it.",
}
_ACCOUNT: Final = "acct_9c4e7a1f2b8d4036a5e1c7f09b3d8264"


def schema_name(kind: OutwardType) -> str:
    """Return the name of a type's schema, such as ``RecordingAvailableEvent``."""
    return "".join(word.capitalize() for word in kind.name.replace(".", "_").split("_")) + "Event"


def example_of(kind: OutwardType) -> Json:
    """Return an event of a type as a receiver gets it."""
    return {
        "id": "evt_2b7f4c9e1d6a4830b5c2e8f1a7d03946",
        "type": kind.name,
        "timestamp": "2026-02-03T10:00:00.000Z",
        "sequence": 4712,
        "data": {"account": _ACCOUNT, **kind.example},
    }


def schemas() -> Mapping[str, Json]:
    """Return the schema of each type by its name, and that of any event."""
    by_type = {kind.name: _REFS + schema_name(kind) for kind in OUTWARD_TYPES.values()}
    any_event = {
        "title": ANY_EVENT,
        "description": "Any event that the vault sends. Later releases have more types.",
        "oneOf": [{"$ref": one} for one in by_type.values()],
        "discriminator": {"propertyName": "type", "mapping": by_type},
    }
    return {schema_name(kind): _schema(kind) for kind in OUTWARD_TYPES.values()} | {ANY_EVENT: any_event}


def _schema(kind: OutwardType) -> Json:
    fields = ["account", *kind.data]
    properties: Json = {
        "id": _text("Unique; the same in each attempt."),
        "type": {"type": "string", "const": kind.name},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "sequence": {
            "type": "integer",
            "description": "The number of the event in its account, without gaps.",
        },
        "data": {
            "title": f"{schema_name(kind)}Data",
            "type": "object",
            "required": [name for name in fields if name not in _OPTIONAL],
            "properties": {name: _text(_FIELDS[name]) for name in fields},
        },
    }
    if not kind.outlives_erasure:
        properties["superseded"] = {
            "type": "boolean",
            "description": "True if the recording was erased since: then `data` has ids alone.",
        }
    return {
        "title": schema_name(kind),
        "description": kind.sentence,
        "type": "object",
        "required": ["id", "type", "timestamp", "sequence", "data"],
        "properties": properties,
        "examples": [example_of(kind)],
    }


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def openapi_webhooks(document: Json) -> None:
    """Add to an OpenAPI 3.1 document its ``webhooks``: what an endpoint is asked to take, and what it may answer."""
    components = document["components"]
    components["schemas"] |= schemas()
    components["parameters"] = {
        name: {
            "name": name,
            "in": "header",
            "required": True,
            "description": said,
            "schema": {"type": "string"},
        }
        for name, said in _HEADERS.items()
    }
    components["responses"] = {
        "Taken": {"description": "Taken. Any other answer is a failure, and the event is sent again."},
        "Gone": {"description": "The endpoint wants no events any more, and is switched off."},
    }
    document["webhooks"] = {
        kind.name: {
            "post": {
                "summary": kind.sentence.removesuffix("."),
                "tags": ["events"],
                "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _HEADERS],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": _REFS + schema_name(kind)}}},
                },
                "responses": {
                    "2XX": {"$ref": "#/components/responses/Taken"},
                    "410": {"$ref": "#/components/responses/Gone"},
                },
            }
        }
        for kind in OUTWARD_TYPES.values()
    }


def asyncapi() -> Json:
    """Return the AsyncAPI 3.0 document: one channel, the URL of an endpoint, with a message for each type."""
    names = [kind.name for kind in OUTWARD_TYPES.values()]
    headers = {
        "type": "object",
        "required": list(_HEADERS),
        "properties": {name: _text(said) for name, said in _HEADERS.items()},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "callvault events",
            "version": _VERSION,
            "description": "What happens in an account, as webhooks that are signed as in Standard Webhooks.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "endpoint": {
                "address": None,
                "title": "An endpoint",
                "description": "The URL of an endpoint, by `POST /v1/accounts/{account}/event-endpoints`.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            }
        },
        "operations": {
            "sendEvent": {
                "action": "send",
                "channel": {"$ref": "#/channels/endpoint"},
                "summary": "Send an event to each endpoint that wants its type.",
                "messages": [{"$ref": f"#/channels/endpoint/messages/{name}"} for name in names],
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
        },
        "components": {
            "messages": {kind.name: _message(kind) for kind in OUTWARD_TYPES.values()},
            # A union with references into OpenAPI has no place in it.
            "schemas": {"Headers": headers}
            | {name: schema for name, schema in schemas().items() if name != ANY_EVENT},
        },
    }


def _message(kind: OutwardType) -> Json:
    return {
        "name": kind.name,
        "title": kind.sentence.removesuffix("."),
        "headers": {"$ref": f"{_REFS}Headers"},
        "payload": {"$ref": _REFS + schema_name(kind)},
        "examples": [{"name": "event", "payload": example_of(kind)}],
    }
