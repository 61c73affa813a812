"""The setting of the collector of the log: what names none is refused at the start."""

import pytest

from vault.errors import StartRefused
from vault.telephony.http.collector import NoCollector, collector_of


@pytest.mark.parametrize(
    "url",
    [
        "siem.example:6514", "https://siem.example:6514", "tls://siem.example", "tls://siem.example:0", "tls://:6514",
        "tls://user@siem.example:6514", "tls://siem.example:6514/path", "tls://siem.example:6514?format=cef",
        "tls://siem.example:6514?formt=json", "tls://siem.example:6514?close_notify=no",
         "tls://siem.example:6514?ca=/nowhere/ca.pem", "tls://siem.example:99999",
    ],
)  # fmt: skip
def test_a_setting_that_says_nothing_is_refused(url: str):
    """At the start, by its name."""
    with pytest.raises(StartRefused, match="VAULT_SIEM_URL"):
        collector_of(url, "https://vault.example")


async def test_without_a_setting_there_is_no_collector():
    """And nothing to run."""
    assert isinstance(collector_of(None, "https://vault.example"), NoCollector)
    assert not collector_of(None, "https://vault.example").is_set
