"""The groups of a directory."""

from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.sign_in.provisioning import MAX_MEMBERS, ResourceFilter
from vault.domain.sign_in.scim.attributes import GROUP, read_resource
from vault.domain.sign_in.scim.filters import parse_filter
from vault.domain.sign_in.scim.patch import Patch
from vault.domain.sign_in.scim.refusals import ScimInvalid
from vault.services.sign_in.provisioned_groups import OpenedGroup
from vault.web.scim import answers
from vault.web.scim.route import Projection, Scim, TheListing, TheProjection, TheScim, scim_router

router = scim_router()
GroupId = Annotated[str, Path(max_length=64)]
_FILTERS: Final = frozenset({"displayname", "externalid", "id"})


@router.get("/Groups")
async def list_scim_groups(here: TheScim, asked: TheListing, shape: TheProjection) -> Response:
    """List groups, all or those that a filter finds."""
    wanted = await _filter(here, asked.filter)
    groups = here.vault.sign_in.provisioning.groups
    total, found = await groups.page(here.account_id, wanted, start=asked.start - 1, limit=asked.count)
    return answers.listed([_shown(here, one, shape) for one in found], total=total, start=asked.start)


@router.post("/Groups")
async def post_scim_group(here: TheScim, shape: TheProjection) -> Response:
    """Add a group."""
    resource = read_resource(GROUP, await here.body(), most=MAX_MEMBERS)
    made = await here.vault.sign_in.provisioning.groups.create(here.setting, resource, actor=here.actor)
    headers = {"Location": answers.location(here.base, "Group", made.row.id)}
    return answers.answer(_shown(here, made, shape), status=201, headers=headers)


@router.get("/Groups/{group}")
async def get_scim_group(here: TheScim, group: GroupId, shape: TheProjection) -> Response:
    """Show a group."""
    found = await here.vault.sign_in.provisioning.groups.get(here.account_id, group)
    return answers.answer(_shown(here, found, shape))


@router.put("/Groups/{group}")
async def put_scim_group(here: TheScim, group: GroupId, shape: TheProjection) -> Response:
    """Replace a group with its members."""
    resource = read_resource(GROUP, await here.body(), most=MAX_MEMBERS)
    return await _changed(here, group, shape, lambda _: resource)


@router.patch("/Groups/{group}")
async def patch_scim_group(here: TheScim, group: GroupId, shape: TheProjection) -> Response:
    """Change a group by operations: all of them, or none."""
    body = await here.body()
    patch = Patch(schema=GROUP, resource_id=group, most=MAX_MEMBERS)
    return await _changed(here, group, shape, lambda before: patch.apply(before, body))


@router.delete("/Groups/{group}")
async def delete_scim_group(here: TheScim, group: GroupId) -> Response:
    """Delete a group. Its people stay, without the roles that it gave."""
    await here.vault.sign_in.provisioning.groups.delete(here.setting, group, actor=here.actor)
    return Response(status_code=204)


async def _changed(here: Scim, group: str, shape: Projection, apply: Any) -> Response:
    changed = await here.vault.sign_in.provisioning.groups.change(
        here.setting, group, apply, actor=here.actor
    )
    return answers.answer(_shown(here, changed, shape))


def _shown(here: Scim, group: OpenedGroup, shape: Projection) -> Any:
    members = [{"value": one, "$ref": answers.location(here.base, "User", one)} for one in group.row.members]
    said = {**group.resource, "members": members} if members else group.resource
    resource = answers.shown(group.row, said, here.base)
    return answers.projected(resource, GROUP, attributes=shape.attributes, excluded=shape.excluded)


async def _filter(here: Scim, text: str | None) -> ResourceFilter:
    hashes, found = here.vault.sign_in.provisioning.groups.hashes, dict[str, Any]()
    for one in parse_filter(text, _FILTERS, GROUP.urn) if text else ():
        if not isinstance(one.value, str):
            raise ScimInvalid("invalidFilter", "The value must be a text.")
        name, value = "id", one.value
        if one.attribute == "displayname":
            name, hashed = "name_hash", await hashes.of_name(here.account_id, "Group", one.value)
        elif one.attribute == "externalid":
            name, hashed = "external_hash", await hashes.of_external_id(here.account_id, "Group", one.value)
        given: Any = value if name == "id" else hashed
        if found.setdefault(name, given) != given:
            return ResourceFilter(is_empty=True)
    return ResourceFilter(**found)
