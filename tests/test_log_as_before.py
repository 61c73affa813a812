"""What a command does to the log of the process ends with its test."""

import io
import logging

import pytest

from tests.support.log_as_before import log_as_before, no_command_keeps_the_log
from vault import structured_log


def test_no_later_line_goes_to_a_stream_that_was_closed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    """The handlers of pytest are back, the one on the closed stream is gone, and levels are as they were."""
    root, chatty = logging.getLogger(), logging.getLogger("asyncio")
    before = (list(root.handlers), root.level, chatty.level)
    stream = io.StringIO()
    with log_as_before():
        monkeypatch.setattr("sys.stderr", stream)
        structured_log.set_up("DEBUG")
        assert (len(root.handlers), root.level, chatty.level) == (1, logging.DEBUG, logging.CRITICAL)
    stream.close()
    assert (list(root.handlers), root.level, chatty.level) == before
    assert no_command_keeps_the_log.__name__ in request.fixturenames
