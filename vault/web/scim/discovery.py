"""What SCIM here can do, in its own words: configuration, resource types and schemas (RFC 7643, sections 5 to 7)."""

from typing import Any, Final

from fastapi import Response
from starlette.exceptions import HTTPException

from vault.domain.sign_in.scim.attributes import GROUP, USER, Attribute, Schema
from vault.errors import NotFound
from vault.web.scim import answers
from vault.web.scim.route import MAX_COUNT, Scim, TheScim, scim_router

router = scim_router()
_SCHEMAS: Final = (USER, GROUP)
_CORE: Final = "urn:ietf:params:scim:schemas:core:2.0:"


@router.get("/ServiceProviderConfig")
async def get_scim_config(here: TheScim) -> Response:
    """Show what is supported."""
    absent = {"supported": False}
    return answers.answer(
        {
            "schemas": [f"{_CORE}ServiceProviderConfig"],
            "patch": {"supported": True},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": True, "maxResults": MAX_COUNT},
            "changePassword": absent,
            "sort": absent,
            "etag": absent,
            "authenticationSchemes": [
                {
                    "type": "oauthbearertoken",
                    "name": "Bearer token",
                    "description": "A token of the account's provisioning, in the header Authorization.",
                }
            ],
            "meta": _meta(here, "ServiceProviderConfig", "ServiceProviderConfig"),
        }
    )


@router.get("/ResourceTypes")
async def list_scim_resource_types(here: TheScim) -> Response:
    """List the kinds of resources."""
    _refuse_filter(here)
    types = [_type(here, one) for one in _SCHEMAS]
    return answers.listed(types, total=len(types), start=1)


@router.get("/ResourceTypes/{name}")
async def get_scim_resource_type(here: TheScim, name: str) -> Response:
    """Show one kind."""
    found = next((one for one in _SCHEMAS if one.name == name), None)
    if found is None:
        raise NotFound("There is no such resource type.")
    return answers.answer(_type(here, found))


@router.get("/Schemas")
async def list_scim_schemas(here: TheScim) -> Response:
    """List the schemas."""
    _refuse_filter(here)
    schemas = [_schema(here, one) for one in _SCHEMAS]
    return answers.listed(schemas, total=len(schemas), start=1)


@router.get("/Schemas/{name}")
async def get_scim_schema(here: TheScim, name: str) -> Response:
    """Show one schema."""
    found = next((one for one in _SCHEMAS if one.urn == name), None)
    if found is None:
        raise NotFound("There is no such schema.")
    return answers.answer(_schema(here, found))


@router.post("/.search")
async def refuse_scim_search(here: TheScim) -> Response:
    """Answer what RFC 7644, section 3.4.3, says where searching by POST is not supported."""
    del here
    raise HTTPException(501, "Searching by POST is not supported. Send a filter with GET.")


def _refuse_filter(here: Scim) -> None:
    """Refuse a filter, as RFC 7644, section 4, says."""
    if "filter" in here.request.query_params:
        raise HTTPException(403, "This list takes no filter.")


def _meta(here: Scim, kind: str, path: str) -> dict[str, str]:
    return {"resourceType": kind, "location": f"{here.base}/{path}"}


def _type(here: Scim, schema: Schema) -> dict[str, Any]:
    return {
        "schemas": [f"{_CORE}ResourceType"],
        "id": schema.name,
        "name": schema.name,
        "endpoint": f"/{schema.name}s",
        "description": schema.description,
        "schema": schema.urn,
        "schemaExtensions": [],
        "meta": _meta(here, "ResourceType", f"ResourceTypes/{schema.name}"),
    }


def _schema(here: Scim, schema: Schema) -> dict[str, Any]:
    return {
        "schemas": [f"{_CORE}Schema"],
        "id": schema.urn,
        "name": schema.name,
        "description": schema.description,
        # externalId is common to all resources (RFC 7643, section 3.1), and of no schema.
        "attributes": [_attribute(one) for one in schema.attributes if one.name != "externalId"],
        "meta": _meta(here, "Schema", f"Schemas/{schema.urn}"),
    }


def _attribute(one: Attribute) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": one.name,
        "type": one.kind,
        "multiValued": one.has_several,
        "description": one.description,
        "required": one.is_required,
        "caseExact": one.is_exact,
        "mutability": "immutable" if one.is_immutable else "readWrite",
        "returned": "default",
        "uniqueness": "server" if one.is_unique else "none",
    }
    if one.kind == "reference":
        described["referenceTypes"] = ["User"]
    parts = {"subAttributes": [_attribute(part) for part in one.parts]} if one.parts else {}
    return described | parts
