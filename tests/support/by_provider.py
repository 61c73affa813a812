"""The modules that every provider's folder of tests must have: ``example``, and ``sender``."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from vault.ports.telephony import Provider
from vault.telephony.registry import PROVIDERS

if TYPE_CHECKING:
    from tests.support.sender import Sender

TELEPHONY = Path(__file__).parents[1] / "telephony"


def payloads_of(provider: Provider) -> Path:
    """Return the folder of recorded payloads."""
    return TELEPHONY / _folder_of(provider) / "payloads"


def credentials_of(provider: Provider) -> Mapping[str, str]:
    """Return well-formed credentials that open nothing."""
    credentials: Mapping[str, str] = _module_of(provider, "example").CREDENTIALS
    return credentials


def proof_headers() -> tuple[str, ...]:
    """Return every header in which some provider puts its proof, and the one that chooses the parser."""
    headers = {header: None for one in PROVIDERS for header in _module_of(one, "example").PROOF_HEADERS}
    return (*headers, "content-type")


def sender(name: str) -> "Sender":
    """Return a new customer of the provider, with credentials of its own."""
    (provider,) = [one for one in PROVIDERS if one.name == name]
    made: Sender = _module_of(provider, "sender").make_sender()
    assert made.name == name
    return made


def _folder_of(provider: Provider) -> str:
    """Return the folder's name: that of the package with the adapter, which for ``platform`` is another."""
    return type(provider).__module__.split(".")[-2]


@cache
def _module_of(provider: Provider, name: str) -> ModuleType:
    path = TELEPHONY / _folder_of(provider) / f"{name}.py"
    assert path.is_file(), f"{provider.name} needs {path}: see docs/contributing/add-a-provider.md"
    return import_module(f"tests.telephony.{path.parent.name}.{name}")
