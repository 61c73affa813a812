"""The collector of the operator's SIEM, to which the access log is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vault.domain.audit_log.collector_lines import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorDown(Exception):
    """Nobody knows that the collector has these lines: send them again. The reason names no address."""

    reason: str


class Collector(Protocol):
    """Takes lines in their order."""

    @property
    def is_set(self) -> bool:
        """Return whether the operator has one."""

    async def deliver(self, lines: Sequence[Line]) -> None:
        """Send lines, and return once the collector has read all of them. Raises CollectorDown."""
