"""The example for nginx, in a real nginx before a real vault: streamed both ways, no file, the client's address."""

import os
import re
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.servers.openbao import make_certificate
from tests.servers.ports import free_ports
from tests.servers.processes import process, wait_until
from tests.servers.required import require
from tests.servers.vault_process import PATIENCE, VaultProcess
from tests.support.tenant import Tenant, open_link, tone

CONFIG = Path(__file__).parents[2] / "infra" / "nginx.conf"
INSTALL = "apt-get install --no-install-recommends nginx-light"
NAME = "vault.example.com"
#: More than the buffers of nginx and of sockets.
AUDIO = tone(600)
#: Around the example, as Debian's nginx.conf.
MAIN = """
{user}
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/callvault.conf;
}}
"""


@dataclass
class Front:
    """nginx before a vault."""

    folder: Path
    port: int
    key: str

    def client(self, address: str = "127.0.0.9", **headers: str) -> httpx.Client:
        """Return a client that comes from an address."""
        transport = httpx.HTTPTransport(verify=_trusting(), local_address=address)
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"Host": NAME, **headers},
            transport=transport,
            timeout=60,
        )

    def admin(self) -> httpx.Client:
        """Return a client with a key for everything."""
        return self.client(Authorization=f"Bearer {self.key}")

    def log(self) -> str:
        """Return what nginx wrote into its logs."""
        return "".join(file.read_text() for file in self.folder.glob("*.log"))


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def front(folder: Path, change: Callable[[str], str] = lambda text: text) -> Iterator[Front]:
    """Start a vault, and nginx with the example; ``change`` is a change of the example."""
    require("nginx", install=INSTALL)
    plain, port = free_ports(2)
    settings = {"VAULT_PUBLIC_URL": f"https://{NAME}", "VAULT_TRUSTED_PROXIES": "127.0.0.1/32"}
    (folder / "v").mkdir()
    server = VaultProcess(folder / "v", settings)
    try:
        server.start()
        certificate, key = make_certificate(folder)
        text = change(CONFIG.read_text()).replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        text = text.replace("listen 80", f"listen 127.0.0.1:{plain}").replace("/var/log/nginx", str(folder))
        text = re.sub(r"ssl_certificate .*;", f"ssl_certificate {certificate};", text)
        text = re.sub(r"ssl_certificate_key .*;", f"ssl_certificate_key {key};", text)
        (folder / "callvault.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(user=user, folder=folder))
        log = folder / "nginx.out"
        command = [shutil.which("nginx") or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        with process([*command, "-e", "stderr"], log) as running:
            made = Front(folder, port, server.create_key())
            wait_until(lambda: _answers(made), running, log, PATIENCE)
            for name in ("bodies", "answers"):
                # From now on nothing can be written there.
                shutil.rmtree(folder / name)
                (folder / name).write_text("")
            yield made
    finally:
        if server.running is not None:
            server.stop()


def _answers(made: Front) -> bool:
    try:
        with made.client() as client:
            return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def pieces(body: bytes) -> Iterator[bytes]:
    """Yield a body of unknown length."""
    for start in range(0, len(body), 65536):
        yield body[start : start + 65536]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The example as it is."""
    with front(tmp_path_factory.mktemp("n")) as made:
        yield made


def test_audio_passes_without_a_file(nginx: Front):
    """An upload and a download of more than any buffer, while nginx cannot write a file; and a range of it."""
    with nginx.admin() as http:
        tenant = Tenant.open(http)
        recording = tenant.uploaded(pieces(AUDIO))  # type: ignore[arg-type]
        path = tenant.url(f"/recordings/{recording}/audio")
        with http.stream("GET", path) as slow:
            blocks = slow.iter_bytes(4096)
            heard = next(blocks)
            time.sleep(1)  # nginx would fill a file meanwhile.
            assert heard + b"".join(blocks) == AUDIO
        part = http.get(path, headers={"Range": "bytes=1000000-1999999"})
        assert (part.status_code, part.content) == (206, AUDIO[1000000:2000000])


def test_a_configuration_that_buffers_is_found_out(tmp_path: Path):
    """The test above fails with nginx's default: the body goes into a file first."""
    with (
        front(
            tmp_path, lambda text: text.replace("proxy_request_buffering off", "proxy_request_buffering on")
        ) as made,
        made.admin() as http,
    ):
        assert Tenant.open(http).put(pieces(AUDIO)).status_code == 500


def test_the_vault_sees_the_address_of_the_client_and_not_what_it_says(nginx: Front):
    """A link for one network opens from there; a header of the client changes nothing."""
    with nginx.admin() as http:
        tenant = Tenant.open(http)
        recording = tenant.uploaded(tone(0.5))
        link, foreign = (tenant.link(recording, networks=[one]) for one in ("127.0.0.9/32", "203.0.113.0/24"))
    paths = [one["url"].removeprefix(f"https://{NAME}") for one in (link, foreign)]
    with nginx.client() as near, nginx.client("127.0.0.8") as far:
        forged = {"X-Forwarded-For": "203.0.113.7"}
        assert open_link(near, paths[1], headers=forged).status_code == 404
        assert open_link(far, paths[0], headers={"X-Forwarded-For": "127.0.0.9"}).status_code == 404
        assert open_link(near, paths[0]).status_code == 303
    token = link["url"].rpartition("/")[2]
    log = nginx.log()
    assert "/v1/accounts" in log
    assert token not in log


def test_metrics_stay_inside(nginx: Front):
    """They are not forwarded; health is."""
    with nginx.client() as client:
        assert (client.get("/metrics").status_code, client.get("/healthz").status_code) == (404, 200)


def test_the_example_is_for_one_server_and_never_gives_it_up():
    """With its default nginx answers 502 for ten seconds after a restart, and it does not notice a node that hangs."""
    assert re.findall(r"^ *server (127.*);$", CONFIG.read_text(), re.MULTILINE) == [
        "127.0.0.1:8000 max_fails=0"
    ]
    assert "infra/haproxy.cfg" in CONFIG.read_text()
