"""Changes a module as soon as it is imported, so that nobody has to import it only to change it."""

import importlib.abc
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

Change = Callable[[ModuleType], object]


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules as Python does, and calls what waits for one after its code has run."""

    def __init__(self) -> None:
        """Nothing waits yet."""
        self.waiting: dict[str, list[Change]] = defaultdict(list)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that something waits for, None for any other."""
        changes = self.waiting.pop(fullname, None)
        if changes is None:
            return None
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                for change in changes:
                    change(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_FINDER = _Finder()


def on_import(name: str, change: Change) -> None:
    """Call ``change`` with a module: now if it is imported already, else right after its import."""
    if name in sys.modules:
        change(sys.modules[name])
        return
    _FINDER.waiting[name].append(change)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
