"""The simulated CRM systems by their names: every class in a module below ``systems/``."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules

from vault.simulator.crm import systems
from vault.simulator.crm.crm import SimulatedCrm


def _classes() -> Iterator[type[SimulatedCrm]]:
    for found in iter_modules(systems.__path__, f"{systems.__name__}."):
        for kind in vars(import_module(found.name)).values():
            if isinstance(kind, type) and issubclass(kind, SimulatedCrm) and not isabstract(kind):
                yield kind


SIMULATED_CRM: Mapping[str, type[SimulatedCrm]] = {kind.name: kind for kind in _classes()}
