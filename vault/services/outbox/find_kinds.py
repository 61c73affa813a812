"""Finds the kinds of messages in the folders of ``kinds``."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from vault.services.outbox import kinds
from vault.services.outbox.kind import AnyKind, OutboxKind


def _find() -> Mapping[str, type[AnyKind]]:
    """Return the kind of each folder by its name. Raises TypeError for a folder without one."""
    found: dict[str, type[AnyKind]] = {}
    for folder in iter_modules(kinds.__path__):
        module = import_module(f"{kinds.__name__}.{folder.name}.kind")
        own = [
            one
            for one in vars(module).values()
            if isinstance(one, type) and issubclass(one, OutboxKind) and one.__module__ == module.__name__
        ]
        if len(own) != 1 or own[0].name != folder.name:
            raise TypeError(f"{module.__name__} must have one kind of message, with the name {folder.name}.")
        found[folder.name] = own[0]
    return found


KINDS: Final = _find()
