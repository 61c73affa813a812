"""Parts of the routes' OpenAPI descriptions: binary bodies, headers, pages and security.

FastAPI derives the rest from signatures. ``vault/web/contract/document.py`` completes the document.
"""

from typing import Any

from vault.domain.accounts.account import Scope
from vault.web.schemas.calls.webhook_events import BODY as WEBHOOK_BODY

_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
#: Audio as a request body.
AUDIO_BODY: dict[str, Any] = {"audio/*": _BYTES, "application/octet-stream": _BYTES}
#: Every error of the REST interface.
PROBLEM: dict[str, Any] = {
    "description": "A problem document (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
#: Names of the security schemes other than the API key.
SESSION_COOKIE, WEBHOOK_SIGNATURE = "SessionCookie", "WebhookSignature"


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _parameter(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, **_header(description)}


def text(description: str) -> dict[str, Any]:
    """Describe a plain-text response."""
    return {"description": description, "content": {"text/plain": _TEXT}}


def pages(description: str) -> dict[int | str, Any]:
    """Describe a route that answers with HTML pages, for errors too."""
    return {
        200: {"description": description, "content": {"text/html": _TEXT}},
        "4XX": {
            "description": "An error page. The 404 page is the same for every dead link, whatever the reason.",
            "content": {"text/html": _TEXT},
        },
        "5XX": {"description": "An error page that asks to retry", "content": {"text/html": _TEXT}},
    }


WAV: dict[str, Any] = {"description": "The audio as WAV", "content": {"audio/wav": _BYTES}}
_AUDIO: dict[str, Any] = {"content": {"audio/*": _BYTES}}
_AUDIO_HEADERS = {
    "ETag": _header("The strong ETag of this audio."),
    "Accept-Ranges": _header("`bytes`"),
    "Content-Disposition": _header("`inline`, or `attachment` with a file name."),
}
#: Responses of a route that serves audio, whole or a range of it (RFC 9110, section 14).
AUDIO: dict[int | str, Any] = {
    200: {"description": "The whole audio", **_AUDIO, "headers": _AUDIO_HEADERS},
    206: {
        "description": "The requested range",
        **_AUDIO,
        "headers": _AUDIO_HEADERS | {"Content-Range": _header("`bytes first-last/size`")},
    },
    304: {"description": "Not modified: an ETag in If-None-Match is current"},
}
#: Request headers of a route that serves audio.
AUDIO_REQUEST: dict[str, Any] = {
    "parameters": [
        _parameter("Range", "One byte range, such as `bytes=0-65535`."),
        _parameter("If-Range", "The ETag for which Range applies; if it is not current, the whole is sent."),
        _parameter("If-None-Match", "ETags that the client has cached."),
    ]
}
#: Request headers of a POST that takes an idempotency key.
IDEMPOTENT: dict[str, Any] = {
    "parameters": [
        _parameter(
            "Idempotency-Key", "Chosen by the client; a retry with the same key gets the same response."
        )
    ]
}
#: GET of a link: a page that opens no session, or the audio of a media link.
LINK: dict[int | str, Any] = pages("A page with one button, or the audio of a media link") | {
    206: AUDIO[206],
    304: AUDIO[304],
}
LINK[200]["content"] = LINK[200]["content"] | AUDIO[200]["content"]
#: POST of that button's form.
OPENED: dict[int | str, Any] = pages("Never sent") | {
    303: {
        "description": "The session is open, and its cookie is set.",
        "headers": {
            "Location": _header("The page of the session."),
            "Set-Cookie": _header("The session's cookie."),
        },
    }
}
del OPENED[200]
OPEN_FORM: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "title": "OpenForm",
                    "type": "object",
                    "properties": {
                        "nonce": {
                            "type": "string",
                            "maxLength": 128,
                            "description": "A retry with the same nonce gets the same session.",
                        }
                    },
                }
            }
        }
    }
}
DOOR_FORM: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "title": "DoorForm",
                    "type": "object",
                    "properties": {
                        "link": {
                            "type": "string",
                            "maxLength": 1400,
                            "description": "The address of a link to the same recording, or its token.",
                        }
                    },
                }
            }
        }
    }
}
SESSION: dict[str, Any] = {"security": [{SESSION_COOKIE: []}]}
#: A call document: instructions to the platform about a call.
CALL_DOCUMENT: dict[str, Any] = {
    "description": "Instructions in the platform's format: TwiML, TeXML, NCCO or Plivo XML",
    "content": {"application/xml": _TEXT, "application/json": {"schema": {}}},
}
_ANY_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}


def _webhook(json_schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "security": [{WEBHOOK_SIGNATURE: []}],
        "requestBody": {
            "description": "The platform's webhook, as JSON or as a form.",
            "content": {
                "application/json": {"schema": json_schema},
                "application/x-www-form-urlencoded": {"schema": _ANY_OBJECT},
            },
        },
    }


#: The webhook of any platform: the events of the customer's own software have schemas.
WEBHOOK: dict[str, Any] = _webhook(WEBHOOK_BODY)
#: A platform's request for a call document, in its own format.
CALL_STEP: dict[str, Any] = _webhook(_ANY_OBJECT)


def scope(name: Scope) -> dict[str, Any]:
    """Describe the scope of a route that checks it in its body, not by a dependency."""
    return {"x-scope": name}
