"""What a step of the worker did for a request. A recording that cannot be read stops nothing but itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from vault.errors import NotFound, RecordingErased, Refused, Tampered
from vault.structured_log import Log

_LOG = Log(__name__)


class Progress(Enum):
    """What a step did."""

    #: Nothing: the request waits, longer after each try.
    NONE = auto()
    #: A part of a search that has found nothing to do yet. The next part follows immediately.
    MORE = auto()
    #: Something that was decided: the next wait is the shortest again.
    DONE = auto()


@dataclass(slots=True)
class Part:
    """What a step did for the recordings of a decision, or the calls."""

    is_done: bool = False
    #: Whether something is left for a later try.
    waits: bool = False

    @contextmanager
    def each(self, account_id: str, recording_id: str | None) -> Iterator[None]:
        """Do something for one recording, or for a call without any; what it raises stops nothing else.

        Unavailable is raised: it is not about one recording.
        """
        try:
            yield
        except RecordingErased:
            # Another path was faster.
            return
        except (NotFound, Refused, Tampered) as error:
            self.waits = True
            reason = type(error).__name__
            _LOG.warning(
                "request.recording_put_off", account_id=account_id, recording_id=recording_id, reason=reason
            )
