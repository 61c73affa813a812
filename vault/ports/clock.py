"""The clock, passed as a dependency, so that tests can set the time."""

from collections.abc import Callable
from datetime import datetime

#: Returns the current time in UTC.
Clock = Callable[[], datetime]
