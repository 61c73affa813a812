"""What the tests of closing acts know of a verb."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.support.service_house import House
from vault.domain.audit_log.event_types.table import EventType


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One verb."""

    #: The event that says it.
    kind: EventType
    #: Makes what is to be closed; its result goes to the two others.
    prepare: Callable[[House, str], Awaitable[Any]]
    close: Callable[[House, Any], Awaitable[Any]]
    closed: Callable[[House, Any], Awaitable[bool]]
