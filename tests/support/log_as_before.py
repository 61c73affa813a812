"""The log of the process as it was before a test: a command sends it to a stream that ends with its test.

Each later line of another test would be an error of logging in its output, between which nobody sees a failure.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from vault.structured_log import LEVELS


@contextmanager
def log_as_before() -> Iterator[None]:
    """Set handlers and levels as they were, whatever was done to them."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    loggers = [root, *map(logging.getLogger, LEVELS)]
    levels = [one.level for one in loggers]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@pytest.fixture(autouse=True)
def no_command_keeps_the_log() -> Iterator[None]:
    """Give the log back after each test."""
    with log_as_before():
        yield
