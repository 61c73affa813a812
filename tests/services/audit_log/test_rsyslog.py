"""rsyslog of Debian as the collector of the log: it is killed and comes back, and has every leaf."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.servers.required import require
from tests.services.audit_log.test_send_to_collector import Place, check, happen, place, until_it_listens
from tests.support.service_house import House
from vault.services.audit_log.send_to_collector import _Failures

__all__ = ["place"]
CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="{folder}/localhost.pem"
  defaultNetstreamDriverCertFile="{folder}/localhost.pem" defaultNetstreamDriverKeyFile="{folder}/localhost.key")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="message" type="string" string="%msg%\\n")
ruleset(name="vault") {{ action(type="omfile" file="{folder}/messages" template="message") }}
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="vault")
"""


@contextmanager
def rsyslog(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """Run rsyslog at the place of a collector."""
    config = place.folder / "rsyslog.conf"
    config.write_text(CONFIG.format(folder=place.folder, port=place.port))
    command = ["rsyslogd", "-n", "-f", str(config), "-i", str(place.folder / "pid")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def taken(place: Place) -> list[dict[str, Any]]:
    """Return what rsyslog wrote."""
    return [json.loads(line) for line in (place.folder / "messages").read_text().splitlines()]


async def test_rsyslog_has_every_leaf(house: House, place: Place):
    """Octet counting, TLS and the form of the message are those that it reads; nothing is left out when it is away."""
    require("rsyslogd", install="apt-get install rsyslog rsyslog-openssl")
    size = await happen(house, 30)
    job = place.job(house)
    with rsyslog(place):
        await until_it_listens(place)
        await job()
        assert job._failures.count == 0
    check(taken(place), size)
    # It is away, and then killed while it is connected.
    await happen(house, 5)
    await replace(job, _failures=_Failures())()
    with rsyslog(place) as process:
        await until_it_listens(place)
        process.kill()
        process.wait()
        await replace(job, _failures=_Failures())()
    size = await happen(house, 1200)
    with rsyslog(place):
        await until_it_listens(place)
        await replace(job, _failures=_Failures())()
    check(taken(place), size)
