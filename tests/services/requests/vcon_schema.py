"""The requirements of draft-ietf-vcon-vcon-core-03 on the parts that the vault writes, as a JSON schema of our own."""

from typing import Any

_INDEX = {"type": "integer", "minimum": 0}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_UUID8 = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
}
_HASH = {"type": "string", "pattern": "^sha512-[A-Za-z0-9_-]{86}$"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["uuid", "created_at", "parties", "dialog"],
    "additionalProperties": False,
    "properties": {
        "vcon": {"const": "0.4.0"},
        "uuid": _UUID8,
        "created_at": _TIME,
        "redacted": {
            "type": "object",
            "required": ["type"],
            "additionalProperties": False,
            "properties": {"uuid": _UUID8, "type": {"type": "string"}},
        },
        "extensions": {"type": "array", "items": {"const": "lawful_basis"}},
        "attachments": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["purpose", "start", "party", "dialog", "encoding", "body"],
                "additionalProperties": False,
                "properties": {
                    "purpose": {"const": "lawful_basis"},
                    "start": _TIME,
                    "party": _INDEX,
                    "dialog": _INDEX,
                    "encoding": {"const": "json"},
                    "body": {"type": "object"},
                },
            },
        },
        "parties": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"tel": {"type": "string"}},
            },
        },
        "dialog": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "start"],
                "additionalProperties": False,
                "properties": {
                    "type": {"enum": ["recording", "text", "transfer", "incomplete", "recording-set"]},
                    "start": _TIME,
                    "duration": {"type": "number", "minimum": 0},
                    "parties": {
                        "anyOf": [
                            _INDEX,
                            {
                                "type": "array",
                                "items": {
                                    "anyOf": [_INDEX, {"type": "array", "items": _INDEX}, {"type": "null"}]
                                },
                            },
                        ]
                    },
                    "mediatype": {"type": "string"},
                    "filename": {"type": "string"},
                    "content_hash": _HASH,
                },
            },
        },
    },
}
