"""Changes a resource by the operations of a PATCH (RFC 7644, section 3.5.2), in each dialect of Entra ID and Okta.

They differ in the case of ``op``, in texts in place of booleans, in operations without a path whose value has dotted
names, and in members that are removed by a list of values or by a filter. A path that is not known is refused: an
operation that is silently left out may be the one by which somebody leaves.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from vault.domain.sign_in.scim.attributes import (
    READ_ONLY,
    Attribute,
    Schema,
    is_dropped,
    read_value,
    require_all,
    require_schema,
    unique,
)
from vault.domain.sign_in.scim.filters import Condition, parse_filter
from vault.domain.sign_in.scim.refusals import ScimInvalid

URN: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_OPERATIONS: Final = 100
_MAX_PATH: Final = 1024
#: With longest lengths, so that time is linear.
_PATH: Final = re.compile(
    r"([A-Za-z$][A-Za-z0-9_$-]{0,127})(?:\[([^\]]{0,600})\])?(?:\.([A-Za-z$][A-Za-z0-9_$-]{0,127}))?"
)
_Op = Literal["add", "replace", "remove"]
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    attribute: Attribute
    #: None for all values.
    conditions: tuple[Condition, ...] | None = None
    part: Attribute | None = None

    @property
    def name(self) -> str:
        return self.attribute.name

    def fits(self, value: Mapping[str, Any]) -> bool:
        """Tell whether a value of the attribute is meant."""
        return all(_equal(self.attribute, value, one) for one in self.conditions or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Apply the operations of one request to a resource of a schema."""

    schema: Schema
    #: The id of the resource, which some providers send with each change.
    resource_id: str
    #: Values of one attribute.
    most: int

    def apply(self, resource: Resource, body: Mapping[str, Any]) -> Resource:
        """Return the changed resource. Raises ScimInvalid, and then nothing is changed."""
        changed = dict(resource)
        for op, path, value in _operations(body):
            if path is not None:
                self._at(changed, op, path, value)
                continue
            if op == "remove":
                raise ScimInvalid("noTarget", "An operation that removes needs a path.")
            if not isinstance(value, dict):
                raise ScimInvalid("invalidValue", "An operation without a path needs an object as its value.")
            for name, inner in value.items():
                self._at(changed, op, name, inner)
        require_all(self.schema, changed)
        return {name: value for name, value in changed.items() if value not in (None, {}, [])}

    def _at(self, resource: Resource, op: _Op, written: str, value: Any) -> None:
        path = self._parse(written, value)
        if path is None:
            return
        attribute = path.attribute
        if attribute.has_several:
            resource[path.name] = self._several(path, op, resource.get(path.name) or [], value)
        elif op == "remove":
            _remove(resource, path)
        elif path.part is not None:
            resource[path.name] = (resource.get(path.name) or {}) | {
                path.part.name: read_value(path.part, value)
            }
        else:
            read = read_value(attribute, value)
            if read is None and attribute.kind == "boolean":
                raise ScimInvalid("invalidValue", f"{path.name} must be true or false.")
            merged = attribute.kind == "complex" and read is not None
            resource[path.name] = (resource.get(path.name) or {}) | read if merged else read

    def _several(self, path: _Path, op: _Op, values: list[Any], value: Any) -> list[Any]:
        """Return the values of an attribute with several, after one operation."""
        if op == "remove":
            return _without(path, values, value)
        if path.conditions is None and path.part is None:
            given = read_value(path.attribute, value, most=self.most) or []
            return self._bounded(path, given if op == "replace" else [*values, *given])
        if path.part is not None and path.part.is_immutable:
            raise ScimInvalid("mutability", f"{path.name}.{path.part.name} does not change. Remove and add.")
        change = _change_of(path, value)
        changed = [change(one) if path.fits(one) else one for one in values]
        if not any(path.fits(one) for one in values):
            # Both dialects of Entra change the value of a type that is not there yet.
            changed.append(change(_made_by(path)))
        return self._bounded(path, changed)

    def _bounded(self, path: _Path, values: list[Any]) -> list[Any]:
        found = unique(one for one in values if one)
        if len(found) > self.most:
            raise ScimInvalid("tooMany", f"{path.name} has at most {self.most} values.")
        return found

    def _parse(self, written: str, value: Any) -> _Path | None:
        """Return what a path means; None if it is of what is not kept. Raises ScimInvalid, ``invalidPath``."""
        if len(written) > _MAX_PATH:
            raise ScimInvalid("invalidPath", f"path has at most {_MAX_PATH} characters.")
        prefix = f"{self.schema.urn.lower()}:"
        name = written[len(prefix) :] if written.lower().startswith(prefix) else written
        if is_dropped(self.schema, name):
            return None
        match = _PATH.fullmatch(name)
        if match is None:
            raise ScimInvalid("invalidPath", "This path cannot be read.")
        if is_dropped(self.schema, match[1]) or self._is_own(match[1], value):
            return None
        attribute = self.schema.attribute(match[1])
        part = None if attribute is None or match[3] is None else attribute.part(match[3])
        if attribute is None or (match[3] is not None and part is None):
            raise ScimInvalid("invalidPath", f"A {self.schema.name} has no attribute at this path.")
        if match[2] is None:
            return _Path(attribute=attribute, part=part)
        if not attribute.has_several:
            raise ScimInvalid("invalidPath", f"{attribute.name} has no several values to filter.")
        conditions = parse_filter(match[2], {one.name.lower() for one in attribute.parts})
        return _Path(attribute=attribute, part=part, conditions=conditions)

    def _is_own(self, name: str, value: Any) -> bool:
        """Tell whether this only says what the vault has set. Raises ScimInvalid for another value."""
        if name.lower() not in READ_ONLY:
            return False
        if name.lower() in {"schemas", "meta"} or (name.lower() == "id" and value == self.resource_id):
            return True
        raise ScimInvalid("mutability", f"{name.lower()} is set by the vault. Leave it out.")


def _operations(body: Mapping[str, Any]) -> list[tuple[_Op, str | None, Any]]:
    require_schema(body, URN)
    operations = next((value for name, value in body.items() if name.lower() == "operations"), None)
    if not isinstance(operations, list) or not 1 <= len(operations) <= MAX_OPERATIONS:
        raise ScimInvalid("invalidSyntax", f"Operations must have 1 to {MAX_OPERATIONS} operations.")
    return [_operation(one) for one in operations]


def _operation(one: Any) -> tuple[_Op, str | None, Any]:
    if not isinstance(one, dict):
        raise ScimInvalid("invalidSyntax", "Each operation must be an object.")
    op, path = one.get("op"), one.get("path")
    if not isinstance(path, str | None):
        raise ScimInvalid("invalidPath", "path must be a text.")
    match op.lower() if isinstance(op, str) else None:
        case "add" | "replace" | "remove" as known:
            return known, path or None, one.get("value")
        case _:
            raise ScimInvalid("invalidSyntax", "op must be add, replace or remove.")


def _remove(resource: Resource, path: _Path) -> None:
    """Remove an attribute with one value, or a part of it."""
    if path.part is not None:
        kept = dict(resource.get(path.name) or {})
        kept.pop(path.part.name, None)
        resource[path.name] = kept
        return
    if path.attribute.is_required:
        raise ScimInvalid("invalidValue", f"{path.name} is required. Replace it.")
    resource.pop(path.name, None)


def _without(path: _Path, values: list[Any], value: Any) -> list[Any]:
    """Return the values that stay: Entra removes members by a list, Okta by a filter; without either, all go."""
    if path.part is not None:
        name = path.part.name
        return [{key: one[key] for key in one if key != name} if path.fits(one) else one for one in values]
    if path.conditions is not None:
        return [one for one in values if not path.fits(one)]
    if value in (None, []):
        return []
    # Also more than an attribute may have: they are compared, and not kept.
    named = value if isinstance(value, list) else [value]
    gone = {
        one.get("value") if isinstance(one, dict) and isinstance(one.get("value"), str) else None
        for one in named
    }
    if None in gone:
        raise ScimInvalid("invalidValue", f"Each of the {path.name} to remove must have a value.")
    return [one for one in values if one.get("value") not in gone]


def _change_of(path: _Path, value: Any) -> Callable[[Mapping[str, Any]], Resource]:
    """Return what a change does to one value of an attribute with several. Raises ScimInvalid."""
    if path.part is None:
        given = read_value(path.attribute, [value]) or [{}]
        return lambda one: {**one, **given[0]}
    part, read = path.part, read_value(path.part, value)
    if read is None:
        return lambda one: {key: one[key] for key in one if key != part.name}
    return lambda one: {**one, part.name: read}


def _made_by(path: _Path) -> Resource:
    """Return a value for which a filter of a path fits. Raises ScimInvalid, ``noTarget``, for a member."""
    if path.name == "members":
        raise ScimInvalid("noTarget", "No member fits the filter of the path.")
    made: Resource = {}
    for one in path.conditions or ():
        part = path.attribute.part(one.attribute)
        if part is not None:
            made[part.name] = read_value(part, one.value)
    return made


def _equal(attribute: Attribute, value: Mapping[str, Any], condition: Condition) -> bool:
    part = attribute.part(condition.attribute)
    own = None if part is None else value.get(part.name)
    if part is None or own is None:
        return False
    if part.kind == "boolean":
        return own is (str(condition.value).lower() == "true")
    wanted = str(condition.value)
    return bool(own == wanted if part.is_exact else own.casefold() == wanted.casefold())
