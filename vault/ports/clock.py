"""Time, passed in, so that tests can choose it."""

from collections.abc import Callable
from datetime import datetime

#: Returns the present moment, in UTC.
Clock = Callable[[], datetime]
