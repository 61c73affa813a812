"""The orders to the describer's fork server, and its answers: structs of fixed size."""

import struct
from enum import IntEnum
from typing import Final

#: Kind, and the process that the order is about. The child's end of its socket comes with FORK.
ORDER: Final = struct.Struct("<BI")
#: Kind, process, and its exit status, or the error number of a fork.
ANSWER: Final = struct.Struct("<BIi")


class Order(IntEnum):
    """To the fork server."""

    FORK = 1
    KILL = 2


class Answer(IntEnum):
    """From the fork server."""

    READY = 1
    #: Answers FORK, in the order of these.
    FORKED = 2
    FAILED = 3
    ENDED = 4
