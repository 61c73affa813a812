"""The form of the record of processing: its fields from the typed part, and the body that REST takes from its fields.

Fields are named by their place in the body, such as ``purposes.0.purpose``. A contact, a purpose and a joint controller
that were left empty are none, so that the form can offer more of them than there are.
"""

from collections.abc import Mapping
from typing import Any, Final

from vault.domain.registers.entries import Contact, ProcessingProfile
from vault.web.console.forms import entries
from vault.web.console.rows import renumbered, rows_of

#: Contacts of which there is one.
CONTACTS: Final = ("controller", "representative", "officer", "processor")
_OF_CONTACT: Final = ("name", "address", "contact")
#: Rows: the fields of which one is filled in where a row is not empty, and the most of each that REST takes.
_ROWS: Final[Mapping[str, tuple[tuple[str, ...], int]]] = {
    "joint_controllers": (_OF_CONTACT, 20),
    "purposes": (("purpose", "explanation"), 50),
}
_OF_PURPOSE: Final = ("purpose", "legal_basis", "explanation")
#: Lists with one entry in each line.
LISTS: Final = ("persons", "data", "measures")
_TEXTS: Final = ("requests_to", "authority")


def values_of(profile: ProcessingProfile) -> dict[str, str]:
    """Return the fields of the form, as the typed part fills them."""
    values = {name: getattr(profile, name) for name in _TEXTS}
    values |= {name: "\n".join(getattr(profile, name)) for name in LISTS}
    values["published"] = "on" if profile.published else ""
    contacts: dict[str, Contact | None] = {name: getattr(profile, name) for name in CONTACTS}
    contacts |= {f"joint_controllers.{place}": one for place, one in enumerate(profile.joint_controllers)}
    for name, one in contacts.items():
        values |= {f"{name}.{part}": "" if one is None else getattr(one, part) for part in _OF_CONTACT}
    for place, purpose in enumerate(profile.purposes):
        values |= {f"purposes.{place}.{part}": getattr(purpose, part) for part in _OF_PURPOSE}
    return values


def body_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that REST takes."""
    body: dict[str, Any] = {name: _parts(values, name, _OF_CONTACT) for name in CONTACTS}
    body = {name: one if any(one.values()) else None for name, one in body.items()}
    for group, parts in (("joint_controllers", _OF_CONTACT), ("purposes", _OF_PURPOSE)):
        body[group] = [_parts(values, f"{group}.{place}", parts) for place in _kept(values, group)]
    for name in LISTS:
        body[name] = entries(values.get(name, ""))
    body |= {name: values.get(name, "") for name in _TEXTS}
    return body | {"published": values.get("published") == "on"}


def kept_rows(values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with the rows that are not empty numbered as in the body, so that a wrong one is found."""
    return renumbered(values, {group: _kept(values, group) for group in _ROWS})


def rows_to_show(values: Mapping[str, str]) -> dict[str, int]:
    """Return how many rows of each group the form shows: one more than are filled in."""
    return {group: min(len(_kept(values, group)) + 1, most) for group, (_, most) in _ROWS.items()}


def _kept(values: Mapping[str, str], group: str) -> list[int]:
    filled, most = _ROWS[group]
    return rows_of(values, group, filled, most=most)


def _parts(values: Mapping[str, str], head: str, names: tuple[str, ...]) -> dict[str, str]:
    return {name: values.get(f"{head}.{name}", "") for name in names}
