"""Why a SCIM request is refused, with the code of RFC 7644, section 3.12."""

from typing import Literal

from vault.errors import Invalid, Refused

ScimType = Literal[
    "invalidFilter", "invalidPath", "invalidSyntax", "invalidValue", "mutability", "noTarget", "tooMany",
]  # fmt: skip


class ScimInvalid(Invalid):
    """The request is wrong: 400 with a ``scimType``."""

    def __init__(self, scim_type: ScimType, message: str) -> None:
        """Store the code and the sentence."""
        super().__init__(message)
        self.scim_type = scim_type


class NotUnique(Refused):
    """Another resource has this value: 409, ``uniqueness``."""

    def __init__(self, attribute: str) -> None:
        """Name the attribute, and not its value."""
        text = f"Another resource has this {attribute}. Change that one instead."
        super().__init__(text, reasons=("uniqueness",), field=attribute)
