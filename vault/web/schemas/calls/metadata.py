"""JSON schemas of metadata, and of the search for it."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue

from vault.domain.calls.metadata import KEY, MAX_KEYS, MAX_VALUE, is_key
from vault.web.schemas.base import Body, readable_line

#: What ``_with_keys`` checks, for the contract.
_NAMES: Final[dict[str, JsonValue]] = {"propertyNames": {"pattern": KEY}}


def _with_keys(value: Any) -> Any:
    """Check the keys first, so that no error repeats one that is none."""
    if isinstance(value, dict) and not all(map(is_key, value)):
        raise ValueError("must have keys of 1 to 40 letters, digits, dots, hyphens or underscores")
    return value


_Keys = BeforeValidator(_with_keys)
_Value = Annotated[str, Field(min_length=1, max_length=MAX_VALUE), AfterValidator(readable_line)]
#: Texts by key.
MetadataIn = Annotated[
    dict[str, _Value],
    _Keys,
    Field(max_length=MAX_KEYS, default_factory=dict, json_schema_extra=_NAMES),
]
#: A key and its exact value, as `order:4711`.
MetadataTerm = Annotated[str, Field(pattern=f"{KEY[:-1]}:", max_length=41 + MAX_VALUE)]
#: Several of them, all of which must match.
MetadataTerms = Annotated[list[MetadataTerm], Field(max_length=MAX_KEYS, default_factory=list)]


class MetadataPatchIn(Body):
    """A change of metadata, as in a JSON merge patch (RFC 7396)."""

    #: The keys to set, and those to remove, whose value is null. Keys that are not sent stay as they are.
    metadata: Annotated[
        dict[str, _Value | None], _Keys, Field(max_length=2 * MAX_KEYS, json_schema_extra=_NAMES)
    ]


class MetadataOut(BaseModel):
    """The metadata of a call or of a recording."""

    #: Null for a key without `recordings:read`.
    metadata: dict[str, str] | None


def terms_in(written: list[str]) -> list[tuple[str, str]]:
    """Return keys with values of a search."""
    return [(key, value) for key, _, value in (one.partition(":") for one in written)]
