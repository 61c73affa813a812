"""Shapes of packages as REST shows them."""

from typing import Annotated

from pydantic import BaseModel, Field

from vault.database.stores.requests.packages import Package
from vault.domain.requests.package import MAX_DOWNLOADS
from vault.web.schemas.base import Body, MomentOut


class PartOut(BaseModel):
    """A part of a package: one ZIP file."""

    #: From 1.
    part: int
    #: In bytes.
    size: int
    made_at: MomentOut
    #: When it is deleted; all parts together, 14 days after the last one was made.
    expires_at: MomentOut
    #: How often it can still be downloaded.
    downloads_left: int

    @classmethod
    def of(cls, package: Package) -> "PartOut":
        """Show a part."""
        return cls(
            part=package.part or 1,
            size=package.size,
            made_at=package.made_at,
            expires_at=package.expires_at,
            downloads_left=MAX_DOWNLOADS - package.downloads,
        )


class PartsOut(BaseModel):
    """The parts of a package that are made, in their order."""

    items: list[PartOut]


class PartQuery(Body):
    """Which part of a package."""

    #: From 1.
    part: Annotated[int, Field(ge=1, le=1_000_000)] = 1
