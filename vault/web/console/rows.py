"""Rows of a form: fields whose names have a group and a number, such as ``classes.0.purpose``, as REST names them."""

from collections.abc import Collection, Mapping

from vault.web.console.words import whole_number


def rows_of(
    values: Mapping[str, str], group: str, filled: Collection[str] | None = None, *, most: int
) -> list[int]:
    """Return the numbers of a group's rows in their order, at most one more than ``most``: that one is refused.

    ``filled``: only rows in which one of these fields is filled in; a form offers more rows than there are.
    """
    numbers = set()
    for name, text in values.items():
        head, _, rest = name.partition(".")
        number, _, field = rest.partition(".")
        if head == group and (filled is None or (text and field in filled)):
            numbers.add(whole_number(number, digits=3))
    return sorted(number for number in numbers if number is not None)[: most + 1]


def renumbered(values: Mapping[str, str], groups: Mapping[str, list[int]]) -> dict[str, str]:
    """Return the fields with the rows of these groups numbered from 0, as in the body, so that a wrong one is found.

    ``groups`` has the numbers of the rows that are kept; the others are left out.
    """
    new = {
        f"{group}.{old}": f"{group}.{place}"
        for group, kept in groups.items()
        for place, old in enumerate(kept)
    }
    found = {}
    for name, text in values.items():
        group, _, rest = name.partition(".")
        number, _, field = rest.partition(".")
        if group not in groups:
            found[name] = text
        elif (row := new.get(f"{group}.{number}")) is not None:
            found[f"{row}.{field}"] = text
    return found
