"""The service with lower limits for one fetch, so that a test need not wait for those that hold in earnest."""

from functools import partial

from vault.cli.main import main
from vault.composition import assemble
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.limits import Limits

MAX_BYTES = 96 * 1024 * 1024
_LIMITS = Limits(head=2, idle=2, window=2, window_bytes=4096, max_bytes=MAX_BYTES)

if __name__ == "__main__":
    assemble.GuardedHttp = partial(GuardedHttp, limits=_LIMITS)  # type: ignore[misc]
    main()
