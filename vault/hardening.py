"""Process limits set before a key is loaded, so that keys and audio stay in this process's memory."""

import resource

from vault.audio.confinement import check_open_files, forbid_attaching


def harden_process() -> None:
    """Forbid core dumps and debuggers. Raises StartRefused if the limit of open files is too low."""
    check_open_files()
    _forbid_core_dumps()
    forbid_attaching()


def _forbid_core_dumps() -> None:
    """Keep keys and audio off the disk when this process crashes.

    A limit of 1 byte, not 0: with 0, Linux still pipes the dump to a core handler; with 1 it does not (core(5)).
    """
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (1 if hard_limit else 0, hard_limit))
