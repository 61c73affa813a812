"""The attributes of users and groups that the vault keeps, and how their values are read.

A vault of call recordings needs to know who somebody is and whether that person is still there. So of what RFC 7643
defines it keeps the names, the mail addresses and the state; the other attributes of that RFC are taken and dropped,
so that the default settings of a provider work. An attribute that no RFC defines is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from vault.domain.sign_in.scim.refusals import ScimInvalid

#: Maximum characters of a text, and values of an attribute that has several.
MAX_TEXT: Final = 512
MAX_VALUES: Final = 20
_FIRST_PRINTABLE: Final = " "
_BOOLEANS: Final = {"true": True, "false": False}
_CORE: Final = "urn:ietf:params:scim:schemas:core:2.0:"
#: Users of an enterprise (RFC 7643, section 4.3): taken, and not kept.
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute, or a part of one."""

    name: str
    description: str
    kind: Literal["string", "boolean", "complex", "reference"] = "string"
    is_required: bool = False
    is_exact: bool = False
    is_unique: bool = False
    has_several: bool = False
    #: It is written with its value and does not change.
    is_immutable: bool = False
    parts: tuple["Attribute", ...] = ()

    def part(self, name: str) -> "Attribute | None":
        """Return a part by its name in any case."""
        return next((one for one in self.parts if one.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A kind of resource."""

    #: ``User`` or ``Group``; its path is ``/Users`` or ``/Groups``.
    name: Literal["User", "Group"]
    description: str
    attributes: tuple[Attribute, ...]
    #: In lower case: those of the RFC that are taken and not kept.
    dropped: frozenset[str]

    @property
    def urn(self) -> str:
        """Return the name of the schema."""
        return _CORE + self.name

    def attribute(self, name: str) -> Attribute | None:
        """Return an attribute by its name in any case."""
        return next((one for one in self.attributes if one.name.lower() == name.lower()), None)


_EXTERNAL_ID: Final = Attribute(
    name="externalId",
    description="The id at the provider, unique in the account.",
    is_exact=True,
    is_unique=True,
)
USER: Final = Schema(
    name="User",
    description="A person of the account's directory",
    attributes=(
        Attribute(
            name="userName",
            description="The name, unique in the account in any case.",
            is_required=True,
            is_unique=True,
        ),
        _EXTERNAL_ID,
        Attribute(name="displayName", description="The name as it is shown."),
        Attribute(
            name="name",
            description="The parts of the name.",
            kind="complex",
            parts=(
                Attribute(name="formatted", description="The whole name."),
                Attribute(name="givenName", description="The given name."),
                Attribute(name="familyName", description="The family name."),
            ),
        ),
        Attribute(
            name="emails",
            description="Mail addresses.",
            kind="complex",
            has_several=True,
            parts=(
                Attribute(name="value", description="The address."),
                Attribute(name="type", description="Such as work."),
                Attribute(name="primary", description="Whether it is the first one to use.", kind="boolean"),
            ),
        ),
        Attribute(
            name="active",
            description="Whether the person may sign in. False ends all access before the answer.",
            kind="boolean",
            is_required=True,
        ),
    ),
    dropped=frozenset(
        {
            "nickname", "profileurl", "title", "usertype", "preferredlanguage", "locale", "timezone", "password",
            "phonenumbers", "ims", "photos", "addresses",
        }
    ),
)  # fmt: skip
GROUP: Final = Schema(
    name="Group",
    description="A group of the account's directory",
    attributes=(
        Attribute(
            name="displayName",
            description="The name, unique in the account.",
            is_required=True,
            is_unique=True,
        ),
        _EXTERNAL_ID,
        Attribute(
            name="members",
            description="The people of the group.",
            kind="complex",
            has_several=True,
            parts=(
                Attribute(name="value", description="The id of a user.", is_exact=True, is_immutable=True),
                # Made of the id; what a client sends is dropped.
                Attribute(
                    name="$ref", description="The address of the user.", kind="reference", is_immutable=True
                ),
            ),
        ),
    ),
    dropped=frozenset(),
)
#: Set by the vault alone; a resource that a client sends back has them.
READ_ONLY: Final = frozenset({"id", "meta", "schemas", "groups"})


def read_resource(schema: Schema, body: Mapping[str, Any], *, most: int = MAX_VALUES) -> dict[str, Any]:
    """Return what a body says of the attributes that are kept. Raises ScimInvalid, with the name of the attribute.

    ``most``: values of one attribute.
    """
    require_schema(body, schema.urn)
    resource: dict[str, Any] = {}
    for name, value in body.items():
        if name.lower() in READ_ONLY or is_dropped(schema, name):
            continue
        attribute = schema.attribute(name)
        if attribute is None:
            raise ScimInvalid(
                "invalidValue", f"{_shown(name)} is not an attribute of a {schema.name}. Leave it out."
            )
        if (read := read_value(attribute, value, most=most)) is not None:
            resource[attribute.name] = read
    require_all(schema, resource)
    return resource


def require_schema(body: Mapping[str, Any], urn: str) -> None:
    """Raise ScimInvalid unless ``schemas`` names the schema."""
    schemas = body.get("schemas")
    names = schemas if isinstance(schemas, list) else []
    if not any(isinstance(name, str) and name.lower() == urn.lower() for name in names):
        raise ScimInvalid("invalidSyntax", f"schemas must contain {urn}.")


def require_all(schema: Schema, resource: Mapping[str, Any]) -> None:
    """Raise ScimInvalid if a text that must be there is not."""
    for one in schema.attributes:
        if one.is_required and one.kind == "string" and not str(resource.get(one.name, "")).strip():
            raise ScimInvalid("invalidValue", f"{one.name} is required.")


def is_dropped(schema: Schema, name: str) -> bool:
    """Tell whether an attribute of the RFC is taken and not kept."""
    lower = name.lower()
    return lower in schema.dropped or lower == ENTERPRISE or lower.startswith(ENTERPRISE + ":")


def read_value(attribute: Attribute, value: Any, *, most: int = MAX_VALUES) -> Any:
    """Return a value as it is kept; None for none (RFC 7643, section 2.5). Raises ScimInvalid."""
    if value is None:
        return None
    if not attribute.has_several:
        return _single(attribute, value)
    values = value if isinstance(value, list) else [value]
    if len(values) > most:
        raise ScimInvalid("tooMany", f"{attribute.name} has at most {most} values.")
    return unique(one for item in values if (one := _single(attribute, item))) or None


def unique(values: Any) -> list[dict[str, Any]]:
    """Return values without those that are there already, and with the last one alone as primary."""
    found = list({tuple(sorted(one.items())): one for one in values}.values())
    primary = next((one for one in reversed(found) if one.get("primary")), None)
    return [one if one is primary or not one.get("primary") else one | {"primary": False} for one in found]


def _single(attribute: Attribute, value: Any) -> Any:
    if attribute.kind == "complex":
        return _complex(attribute, value)
    if attribute.kind == "boolean":
        # Entra sends "False" (its documentation of SCIM, "compliance issues").
        read = _BOOLEANS.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(read, bool):
            raise ScimInvalid("invalidValue", f"{attribute.name} must be true or false.")
        return read
    return _text(attribute, value)


def _text(attribute: Attribute, value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ScimInvalid(
            "invalidValue", f"{attribute.name} must be a text of at most {MAX_TEXT} characters."
        )
    if any(char < _FIRST_PRINTABLE or "\ud800" <= char <= "\udfff" for char in value):
        raise ScimInvalid("invalidValue", f"{attribute.name} must not contain control characters.")
    return value or None


def _complex(attribute: Attribute, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ScimInvalid("invalidValue", f"{attribute.name} must be an object, or a list of objects.")
    read = {}
    for name, inner in value.items():
        # Parts that the RFC defines and the vault does not keep, such as honorificPrefix, are dropped.
        part = attribute.part(name)
        if part is None or part.kind == "reference":
            continue
        if (one := read_value(part, inner)) is not None:
            read[part.name] = one
    for part in attribute.parts:
        if part.is_immutable and part.kind != "reference" and part.name not in read:
            raise ScimInvalid("invalidValue", f"Each of the {attribute.name} must have a {part.name}.")
    return read


def _shown(name: str) -> str:
    """Return a name of the request as an error may show it."""
    return name if name.isascii() and name.isprintable() and len(name) <= 100 else "This"  # noqa: PLR2004 - a line
