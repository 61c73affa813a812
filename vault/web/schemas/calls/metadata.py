"""JSON schemas of metadata, and of the search for it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from vault.domain.calls.metadata import KEY, MAX_KEYS, MAX_VALUE
from vault.web.schemas.base import Body, readable_line

_Key = Annotated[str, Field(pattern=KEY)]
_Value = Annotated[str, Field(min_length=1, max_length=MAX_VALUE), AfterValidator(readable_line)]
#: Texts by key.
MetadataIn = Annotated[dict[_Key, _Value], Field(max_length=MAX_KEYS, default_factory=dict)]
#: A key and its exact value, as `order:4711`.
MetadataTerm = Annotated[str, Field(pattern=f"{KEY[:-1]}:", max_length=41 + MAX_VALUE)]
#: Several of them, all of which must match.
MetadataTerms = Annotated[list[MetadataTerm], Field(max_length=MAX_KEYS, default_factory=list)]


class MetadataPatchIn(Body):
    """A change of metadata, as in a JSON merge patch (RFC 7396)."""

    #: The keys to set, and those to remove, whose value is null. Keys that are not sent stay as they are.
    metadata: Annotated[dict[_Key, _Value | None], Field(max_length=2 * MAX_KEYS)]


class MetadataOut(BaseModel):
    """The metadata of a call or of a recording."""

    #: Null for a key without `recordings:read`.
    metadata: dict[str, str] | None


def terms_in(written: list[str]) -> list[tuple[str, str]]:
    """Return keys with values of a search."""
    return [(key, value) for key, _, value in (one.partition(":") for one in written)]
