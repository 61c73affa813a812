"""The claims of a provider about a person: the values that are mapped to roles, and a name to show."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vault.domain.sign_in.refusals import SignInRefused

#: Maximum values of the claim; a provider leaves out the whole claim above 200.
_MAX_VALUES: Final = 2000
_MAX_NAME: Final = 200


def has_claim(claims: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Tell whether the claim is there, or a pointer to it, so that no other source needs to be asked."""
    return _at(claims, path) is not None or _is_overage(claims, path)


def values_at(claims: Mapping[str, Any], path: Sequence[str]) -> frozenset[str]:
    """Return the values of the claim at ``path``: a text or a list of texts; nothing if it is missing.

    Raises SignInRefused, ``too_many_groups``, if the provider left it out because it is too long: then nothing may be
    concluded from its absence.
    """
    value = _at(claims, path)
    if value is None and _is_overage(claims, path):
        raise SignInRefused("too_many_groups")
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        if len(value) > _MAX_VALUES:
            raise SignInRefused("too_many_groups")
        return frozenset(one for one in value if isinstance(one, str))
    return frozenset()


def display_name(claims: Mapping[str, Any], subject: str) -> str:
    """Return a name to show beside the id; the subject if the provider says none."""
    for name in ("name", "preferred_username", "email"):
        value = claims.get(name)
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()[:_MAX_NAME]
    return subject[:_MAX_NAME]


def _at(claims: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict | Mapping) else None
    return value


def _is_overage(claims: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Tell whether the provider sent a pointer in place of the claim (Core, section 5.6.2; Entra: ``hasgroups``)."""
    elsewhere = claims.get("_claim_names")
    pointed = isinstance(elsewhere, dict) and path[0] in elsewhere
    return pointed or (list(path) == ["groups"] and claims.get("hasgroups") in (True, "true"))
