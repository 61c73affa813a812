"""Answers of SCIM: resources, lists and errors as ``application/scim+json`` (RFC 7644, sections 3.1 and 3.12)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from starlette.exceptions import HTTPException
from starlette.responses import Response

from vault.domain.sign_in.provisioning import ProvisionedGroup, ProvisionedUser
from vault.domain.sign_in.scim.attributes import GROUP, USER, Schema
from vault.domain.sign_in.scim.refusals import NotUnique, ScimInvalid
from vault.errors import Invalid, VaultError
from vault.rfc3339 import write_rfc3339
from vault.web.http.problems import of_error, status_of

#: What the paths of SCIM begin with.
PATH: Final = "/scim/v2/"
MEDIA_TYPE: Final = "application/scim+json"
_MESSAGES: Final = "urn:ietf:params:scim:api:messages:2.0:"
#: Returned with every resource, whatever is asked for (RFC 7643, section 7: returned always).
_ALWAYS: Final = frozenset({"schemas", "id"})
_INTERNAL: Final = 500
_FAILED: Final = "Internal error. It is in the server's log."


def answer(
    body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a body."""
    return Response(json.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def error(error: VaultError | HTTPException) -> Response:
    """Return the answer to an error. What the vault calls 422 is 400 here (RFC 7644, table 8)."""
    if isinstance(error, HTTPException):
        return _error(error.status_code, str(error.detail), headers=error.headers)
    status = 400 if isinstance(error, Invalid) else status_of(error)
    problem = of_error(error)
    headers = {
        name: problem.headers[name] for name in ("retry-after", "www-authenticate") if name in problem.headers
    }
    detail = _FAILED if status == _INTERNAL else str(error)
    scim_type: str | None = None
    if isinstance(error, ScimInvalid):
        scim_type = error.scim_type
    elif isinstance(error, NotUnique):
        scim_type = "uniqueness"
    elif status == 400:  # noqa: PLR2004 - the status itself
        scim_type = "invalidValue"
    return _error(status, detail, scim_type=scim_type, headers=headers)


def of_http(error: HTTPException, allowed: Sequence[str]) -> Response:
    """Return the answer where no route takes a request: 404, or 405 with the methods that the path allows."""
    if error.status_code == 405:  # noqa: PLR2004 - the status itself
        named = ", ".join(allowed)
        return _error(405, f"This path allows {named}.", headers={"Allow": named})
    if error.status_code == 404:  # noqa: PLR2004 - the status itself
        return _error(404, "There is no such path. Users and Groups are served.")
    return _error(error.status_code, str(error.detail), headers=error.headers)


def _error(
    status: int, detail: str, *, scim_type: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    body = {"schemas": [f"{_MESSAGES}Error"], "status": str(status), "detail": detail}
    return answer(body | ({"scimType": scim_type} if scim_type else {}), status=status, headers=headers)


def listed(resources: Sequence[Mapping[str, Any]], *, total: int, start: int) -> Response:
    """Return a page of a list; ``start`` counts from 1."""
    return answer(
        {
            "schemas": [f"{_MESSAGES}ListResponse"],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": len(resources),
            "Resources": list(resources),
        }
    )


def shown(row: ProvisionedUser | ProvisionedGroup, resource: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Return a user or a group as a resource; ``base`` is the address of the account's SCIM."""
    schema = USER if isinstance(row, ProvisionedUser) else GROUP
    return {
        "schemas": [schema.urn],
        "id": row.id,
        **resource,
        "meta": {
            "resourceType": schema.name,
            "created": write_rfc3339(row.created_at, "milliseconds"),
            "lastModified": write_rfc3339(row.changed_at, "milliseconds"),
            "location": location(base, schema.name, row.id),
        },
    }


def location(base: str, kind: Literal["User", "Group"], resource_id: str) -> str:
    """Return the address of a resource."""
    return f"{base}/{kind}s/{resource_id}"


def projected(
    resource: Mapping[str, Any], schema: Schema, *, attributes: str | None, excluded: str | None
) -> Mapping[str, Any]:
    """Return what is asked for of a resource (RFC 7644, section 3.9); by default all of it."""
    if attributes:
        wanted = _names(attributes, schema)
        return {
            name: _parts(value, wanted.get(name.lower(), frozenset()))
            for name, value in resource.items()
            if name in _ALWAYS or name.lower() in wanted
        }
    left_out = _names(excluded or "", schema)
    kept = {}
    for name, value in resource.items():
        parts = left_out.get(name.lower())
        if name in _ALWAYS or parts is None:
            kept[name] = value
        elif parts:
            kept[name] = _parts(value, parts, without=True)
    return kept


def _names(text: str, schema: Schema) -> dict[str, frozenset[str]]:
    """Return the attributes of a list in lower case, each with the parts of it; none are all."""
    found: dict[str, frozenset[str]] = {}
    for one in text.split(","):
        name, _, part = one.strip().lower().removeprefix(f"{schema.urn.lower()}:").partition(".")
        parts = frozenset({part}) if part else frozenset[str]()
        found[name] = found[name] | parts if name in found and found[name] and parts else parts
    return found


def _parts(value: Any, parts: frozenset[str], *, without: bool = False) -> Any:
    if not parts:
        return value
    if isinstance(value, list):
        return [_parts(one, parts, without=without) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: inner for name, inner in value.items() if (name.lower() in parts) != without}
