"""The Ceph object gateway with one monitor and one OSD, on loopback, in a temporary folder.

A real S3 server: it checks signatures, Content-MD5 and versions as S3 does. It needs no manager, no
cephx and no systemd, and runs as any user. Traps of Debian's 18.2 that are handled here:

- ``osd_class_dir`` is relative there; without the real one, S3 requests fail with "(95) not supported".
- radosgw raises ``ms_mon_client_mode`` to "secure", which cannot be done without keys: it hangs for ever.
- It refuses to talk about encryption over plain http unless told otherwise.
"""

import os
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.processes import answers, process, wait_until

#: What must be installed, and how.
PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool")
INSTALL = "apt-get install --no-install-recommends radosgw ceph-mon ceph-osd"

CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = {addresses}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
ms_mon_client_mode = crc
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = {folder}/run
admin_socket =
log_file = {folder}/log/$name.log
crash_dir = {folder}/log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 1000
[mon]
mon_data = {folder}/mon
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_cluster_log_file = {folder}/log/cluster.log
[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 8589934592
osd_op_queue = wpq
osd_class_dir = {classes}
osd_numa_auto_affinity = false
[client.rgw]
keyring = /dev/null
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_crypt_require_ssl = false
rgw_trust_forwarded_https = true
rgw_enable_gc_threads = false
rgw_thread_pool_size = 32
"""


@contextmanager
def ceph_gateway(folder: Path, access_key: str, secret_key: str) -> Iterator[str]:
    """Run a gateway with one user, who may make others, and yield its URL. Takes about ten seconds.

    A request with ``X-Forwarded-Proto: https`` counts as one over TLS.
    """
    gateway_port, mon_port, old_mon_port = free_ports(3)
    addresses = f"[v2:127.0.0.1:{mon_port},v1:127.0.0.1:{old_mon_port}]"
    fsid, osd_id = str(uuid.uuid4()), str(uuid.uuid4())
    for name in ("run", "log", "mon", "osd", "rgw"):
        (folder / name).mkdir(parents=True)
    conf = folder / "ceph.conf"
    conf.write_text(
        CONFIGURATION.format(
            fsid=fsid, addresses=addresses, folder=folder, classes=_class_dir(), port=gateway_port
        )
    )
    common = ["-c", str(conf)]
    log = folder / "log" / "output.log"
    url = f"http://127.0.0.1:{gateway_port}"
    monmap = str(folder / "monmap")
    _run(log, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, monmap)
    _run(log, "ceph-mon", *common, "-i", "a", "--mkfs", "--monmap", monmap)
    with process(["ceph-mon", *common, "-f", "-i", "a"], log, **os.environ):
        _run(log, "ceph", *common, "osd", "new", osd_id, "0")
        _run(log, "ceph-osd", *common, "-i", "0", "--mkfs", "--osd-uuid", osd_id)
        with process(["ceph-osd", *common, "-f", "-i", "0"], log, **os.environ) as osd:
            wait_until(lambda: "1 up" in _output("ceph", *common, "osd", "stat"), osd, log, 60)
            admin = ["radosgw-admin", *common, "-n", "client.rgw", "user", "create", "--uid=vault"]
            _run(
                log,
                *admin,
                "--display-name=vault",
                f"--access-key={access_key}",
                f"--secret-key={secret_key}",
                "--caps=users=*;user-policy=*",
            )
            with process(["radosgw", *common, "-f", "-n", "client.rgw"], log, **os.environ) as gateway:
                wait_until(lambda: answers(url), gateway, log, 60)
                yield url


def _class_dir() -> Path:
    """Return the folder of the OSD's classes, which Debian keeps below the multiarch triplet."""
    triplet = sysconfig.get_config_var("MULTIARCH") or ""
    places = [Path("/usr/lib", triplet, "rados-classes"), *Path("/usr/lib").glob("*/rados-classes")]
    return next(place for place in places if place.is_dir())


def _run(log: Path, *command: str) -> None:
    with log.open("ab") as output:
        ended = subprocess.run(command, stdout=output, stderr=output, timeout=120, check=False)
    if ended.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{log.read_text(errors='replace')[-2000:]}")


def _output(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.stdout
