"""The closure of an account as a request: what it says in the fields that a person would fill."""

from typing import Final

#: In place of a person's reference.
REFERENCE: Final = "closure"
#: In ``channel``: an export is wanted. In the ruling's reason: it is made.
EXPORT: Final = "export"
