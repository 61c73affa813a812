"""The simulated providers, by their names in connections: every class in a package below ``providers/``.

The classes are found and not listed, so a new provider needs no entry here. A class that sets ``name`` simulates
events and recordings; a subclass of ``SteeredProvider`` simulates calls that documents control. Most are both.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import isabstract
from pkgutil import walk_packages

from vault.simulator import providers
from vault.simulator.provider import SimulatedProvider, SteeredProvider


def _classes() -> Iterator[type[SimulatedProvider]]:
    """Yield the complete classes in every module below ``providers/``, in the order of their modules' names."""
    for found in walk_packages(providers.__path__, f"{providers.__name__}."):
        for kind in vars(import_module(found.name)).values():
            if (
                isinstance(kind, type)
                and kind.__module__ == found.name
                and issubclass(kind, SimulatedProvider)
                and not isabstract(kind)
            ):
                yield kind


_CLASSES = tuple(_classes())
SIMULATED: Mapping[str, type[SimulatedProvider]] = {
    kind.name: kind for kind in _CLASSES if "name" in vars(kind)
}
#: The providers that request call documents.
STEERED: Mapping[str, type[SteeredProvider]] = {
    kind.name: kind for kind in _CLASSES if issubclass(kind, SteeredProvider)
}
