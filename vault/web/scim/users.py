"""The users of a directory."""

from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.sign_in.provisioning import ResourceFilter
from vault.domain.sign_in.scim.attributes import MAX_VALUES, USER, read_resource
from vault.domain.sign_in.scim.filters import Condition, parse_filter
from vault.domain.sign_in.scim.patch import Patch
from vault.domain.sign_in.scim.refusals import ScimInvalid
from vault.services.sign_in.provisioned_users import OpenedUser
from vault.web.scim import answers
from vault.web.scim.route import Projection, Scim, TheListing, TheProjection, TheScim, scim_router

router = scim_router()
UserId = Annotated[str, Path(max_length=64)]
_FILTERS: Final = frozenset({"username", "externalid", "id", "active"})


@router.get("/Users")
async def list_scim_users(here: TheScim, asked: TheListing, shape: TheProjection) -> Response:
    """List users, all or those that a filter finds, also who is not active."""
    wanted = await _filter(here, asked.filter)
    users = here.vault.sign_in.provisioning.users
    total, found = await users.page(here.account_id, wanted, start=asked.start - 1, limit=asked.count)
    return answers.listed([_shown(here, one, shape) for one in found], total=total, start=asked.start)


@router.post("/Users")
async def post_scim_user(here: TheScim, shape: TheProjection) -> Response:
    """Add a user."""
    resource = read_resource(USER, await here.body())
    made = await here.vault.sign_in.provisioning.users.create(here.setting, resource, actor=here.actor)
    headers = {"Location": answers.location(here.base, "User", made.row.id)}
    return answers.answer(_shown(here, made, shape), status=201, headers=headers)


@router.get("/Users/{user}")
async def get_scim_user(here: TheScim, user: UserId, shape: TheProjection) -> Response:
    """Show a user."""
    found = await here.vault.sign_in.provisioning.users.get(here.account_id, user)
    return answers.answer(_shown(here, found, shape))


@router.put("/Users/{user}")
async def put_scim_user(here: TheScim, user: UserId, shape: TheProjection) -> Response:
    """Replace a user; without ``active``, the user stays as active as before."""
    resource = read_resource(USER, await here.body())

    def replace(before: dict[str, Any]) -> dict[str, Any]:
        return {"active": before["active"], **resource}

    return await _changed(here, user, shape, replace)


@router.patch("/Users/{user}")
async def patch_scim_user(here: TheScim, user: UserId, shape: TheProjection) -> Response:
    """Change a user by operations: all of them, or none."""
    body = await here.body()
    patch = Patch(schema=USER, resource_id=user, most=MAX_VALUES)
    return await _changed(here, user, shape, lambda before: patch.apply(before, body))


@router.delete("/Users/{user}")
async def delete_scim_user(here: TheScim, user: UserId) -> Response:
    """Delete a user, with the effect of ``active: false``."""
    await here.vault.sign_in.provisioning.users.delete(here.setting, user, actor=here.actor)
    return Response(status_code=204)


async def _changed(here: Scim, user: str, shape: Projection, apply: Any) -> Response:
    changed = await here.vault.sign_in.provisioning.users.change(here.setting, user, apply, actor=here.actor)
    return answers.answer(_shown(here, changed, shape))


def _shown(here: Scim, user: OpenedUser, shape: Projection) -> Any:
    resource = answers.shown(user.row, user.resource, here.base)
    return answers.projected(resource, USER, attributes=shape.attributes, excluded=shape.excluded)


async def _filter(here: Scim, text: str | None) -> ResourceFilter:
    found: dict[str, Any] = {}
    for one in parse_filter(text, _FILTERS, USER.urn) if text else ():
        name, value = await _condition(here, one)
        if found.setdefault(name, value) != value:
            return ResourceFilter(is_empty=True)
    return ResourceFilter(**found)


async def _condition(here: Scim, one: Condition) -> tuple[str, Any]:
    hashes = here.vault.sign_in.provisioning.users.hashes
    if isinstance(one.value, bool) != (one.attribute == "active"):
        raise ScimInvalid("invalidFilter", "active is true or false, and every other attribute is a text.")
    match one.attribute:
        case "username":
            return "name_hash", await hashes.of_name(here.account_id, "User", str(one.value))
        case "externalid":
            return "external_hash", await hashes.of_external_id(here.account_id, "User", str(one.value))
        case "active":
            return "is_active", one.value
        case _:
            return "id", one.value
