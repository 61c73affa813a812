"""Process settings made before a key is loaded, so that keys and audio stay in this process's memory."""

import resource

from vault.audio.confinement import check_open_files, forbid_attaching


def harden_process() -> None:
    """Forbid core dumps and debuggers. Raises StartRefused for a process that may open too few files."""
    check_open_files()
    _dump_no_core()
    forbid_attaching()


def _dump_no_core() -> None:
    """Keep keys and audio off the disk when this process crashes.

    One byte is too little for a file, and is how Linux knows not to ask a program that collects cores either,
    which it asks where the limit is none (core(5)).
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (1 if most else 0, most))
