"""Services are wired by the types of their fields: each part once, exceptions by name, and nothing is guessed."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import pytest

from vault.composition.adapters import Adapters
from vault.composition.services import _exceptions
from vault.composition.wiring import Wiring
from vault.services.approved_acts import ApprovedActs
from vault.settings import read_settings


class Given:
    """A part that nothing builds."""


@dataclass(frozen=True)
class Shared:
    """A part that two others have."""

    given: Given


@dataclass(frozen=True)
class First:
    """A part with a part, a setting and a default."""

    shared: Shared
    address: str
    cache: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Whole:
    """A part with parts."""

    first: First
    shared: Shared


def wiring(**more: Callable[[Wiring], object]) -> Wiring:
    """Return a wiring with one part, and these exceptions of First."""
    return Wiring({Given: Given()}, {(First, name): made for name, made in more.items()})


def test_each_part_is_built_once() -> None:
    """Also when it is asked for again."""
    wired = wiring(address=lambda _: "here")
    whole = wired.make(Whole)
    assert whole.first.shared is whole.shared
    assert wired.make(Whole) is whole
    assert (whole.first.address, whole.first.cache) == ("here", {})


def test_an_exception_may_ask_for_another_part_and_replaces_a_default() -> None:
    """It is called with the wiring."""
    first = wiring(address=lambda made: type(made.make(Shared)).__name__, cache=lambda _: {"a": "b"}).make(
        First
    )
    assert (first.address, first.cache) == ("Shared", {"a": "b"})


def test_a_field_without_a_part_is_named() -> None:
    """Wrong: None, or any other string."""
    with pytest.raises(LookupError, match=r"First\.address"):
        wiring().make(Whole)


def test_each_exception_is_of_a_field_that_there_is(tmp_path: Path) -> None:
    """An exception of a field that was renamed would do nothing."""
    made: Any = Adapters.__new__(Adapters)
    object.__setattr__(made, "database", object())
    settings = read_settings({"VAULT_DATA_DIR": str(tmp_path), "VAULT_PUBLIC_URL": "http://127.0.0.1:8000"})
    for kind, name in _exceptions(settings, made):
        assert name in {one.name for one in fields(kind)}, f"{kind.__name__}.{name}"


def test_an_act_that_nothing_does_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong: to find out when somebody has approved it."""
    acts = ApprovedActs(**dict.fromkeys((one.name for one in fields(ApprovedActs)), cast("Any", None)))
    monkeypatch.setattr(ApprovedActs, "_settings", lambda _: {})
    with pytest.raises(LookupError, match=r"approval_rule, retention_policy, own_key"):
        acts.by_verb()
