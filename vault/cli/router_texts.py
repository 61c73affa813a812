"""The texts of ``callvault cells``: a router's configuration for nginx and for haproxy.

Both take the cell from the path, else from the key in ``Authorization``, else from the console's cookie. The directives
about bodies, times and client addresses are those of ``infra/nginx.conf`` and ``infra/haproxy.cfg``, for their reasons.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.domain.public_urls import ALIKE, CELL, OF_AN_ACCOUNT, OF_EACH_CELL, SEPARATOR

#: In the place of a cell: the label is of none that the router knows.
_NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A vault behind the router."""

    label: str
    #: Each with host and port.
    nodes: Sequence[str]
    #: Whether the router speaks https to them.
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """A host name before several cells."""

    host: str
    #: Paths of PEM files. haproxy takes one file with both.
    certificate: str
    certificate_key: str
    cells: Sequence[Cell]
    #: The cell to which requests without any label go; None refuses them.
    unlabelled: str | None = None


def _label_in_path(label: str) -> str:
    """Return a regular expression: a segment of the path begins with the label, and the path names no account."""
    accounts = "|".join(path.removeprefix("/") for path in OF_AN_ACCOUNT)
    return f"^/(?!{accounts})(?:[^/]+/)*{label}{SEPARATOR}"


def _label_in_key(label: str) -> str:
    """Return the same for the header Authorization."""
    return f"^(?i:bearer) +{label}{SEPARATOR}"


def _label_in_cookie(label: str) -> str:
    """Return the same for the cookie of the console."""
    return f"(?:^|; *)(?:__Host-)?console={label}{SEPARATOR}"


def _labels(router: Router) -> Sequence[tuple[str, str]]:
    """Return each label with its cell, and last a regular expression of any other label, with none."""
    return [*((one.label, one.label) for one in router.cells), (CELL.pattern, _NONE)]


def _alike() -> str:
    return (
        "^(?:"
        + "|".join(path.replace(".", "\\.") + ("" if path.endswith("/") else "$") for path in ALIKE)
        + ")"
    )


def _each() -> str:
    return "^(?:" + "|".join(OF_EACH_CELL) + ")$"


def nginx_of(router: Router) -> str:
    """Return the configuration for nginx 1.25.1 or later."""
    upstreams = "\n\n".join(_upstream(cell) for cell in router.cells)
    return _NGINX.format(
        upstreams=upstreams,
        of_path=_map(router, _label_in_path),
        of_key=_map(router, _label_in_key),
        of_cookie=_map(router, _label_in_cookie),
        names="\n".join(f"    {one.label} {one.nodes[0].rpartition(':')[0]};" for one in router.cells),
        schemes="\n".join(f"    {one.label} {'https' if one.secure else 'http'};" for one in router.cells),
        alike=_alike(), each=_each(), first=router.cells[0].label, unlabelled=router.unlabelled or _NONE,
        host=router.host, certificate=router.certificate, certificate_key=router.certificate_key,
    )  # fmt: skip


def _map(router: Router, pattern: Callable[[str], str]) -> str:
    """Return the lines of a map: each label to its cell, and any other label to none."""
    return "\n".join(f'    "~{pattern(label)}" {cell};' for label, cell in _labels(router))


def _upstream(cell: Cell) -> str:
    servers = "\n".join(f"    server {node} max_fails=0;" for node in cell.nodes)
    return f"upstream callvault_{cell.label} {{\n{servers}\n    keepalive 32;\n}}"


def haproxy_of(router: Router) -> str:
    """Return the configuration for haproxy 2.6 or later."""
    rules = [
        *_rules(router, "path,url_dec", _label_in_path),
        f"    http-request return status 404 if {{ path -m reg '{_each()}' }}",
        _rule(router.cells[0].label, f"{{ path -m reg '{_alike()}' }}"),
        *_rules(router, "hdr(authorization)", _label_in_key),
        *_rules(router, "hdr(cookie)", _label_in_cookie),
    ]
    if router.unlabelled is not None:
        rules.append(_rule(router.unlabelled, ""))
    return _HAPROXY.format(
        rules="\n".join(rules),
        backends="\n\n".join(_backend(cell) for cell in router.cells),
        host=router.host,
        certificate=router.certificate,
    )


def _rules(router: Router, sample: str, pattern: Callable[[str], str]) -> Sequence[str]:
    return [_rule(cell, f"{{ {sample} -m reg '{pattern(label)}' }}") for label, cell in _labels(router)]


def _rule(cell: str, condition: str) -> str:
    return f"    http-request set-var(txn.cell) str({cell}) if !{{ var(txn.cell) -m found }} {condition}".rstrip()


def _backend(cell: Cell) -> str:
    secure = " ssl verify required ca-file @system-ca sni str({0}) verifyhost {0}" if cell.secure else ""
    servers = "\n".join(
        f"    server node{number} {node}{secure.format(node.rpartition(':')[0])}"
        for number, node in enumerate(cell.nodes, 1)
    )
    return _BACKEND.format(label=cell.label, servers=servers)


_NGINX: Final = """\
# nginx (1.25.1 or later) in front of several vaults, by `callvault cells nginx`. It belongs into the http block.

{upstreams}

# The cell: by the path, else by the caller's key, else by the cookie of the console. Another label is none.
map $uri $callvault_of_path {{
    default "";
{of_path}
}}
map $http_authorization $callvault_of_key {{
    default "";
{of_key}
}}
map $http_cookie $callvault_of_cookie {{
    default "";
{of_cookie}
}}
# What each cell answers for itself is asked there; what is the same in all is asked of one.
map $uri $callvault_fixed {{
    default "";
    "~{each}" none;
    "~{alike}" {first};
}}
map "$callvault_of_path:$callvault_fixed:$callvault_of_key:$callvault_of_cookie:{unlabelled}" $callvault_cell {{
    "~^:*(?<callvault_first>[a-z0-9]+)" $callvault_first;
}}
map $callvault_cell $callvault_scheme {{
    default http;
{schemes}
}}
# The name that the certificate of a cell's nodes must have.
map $callvault_cell $callvault_name {{
    default "";
{names}
}}
# Paths of links and sessions contain their tokens.
map $request_uri $callvault_is_logged {{
    default 1;
    "~^/(p|s)/" 0;
}}

server {{
    listen 80;
    server_name {host};
    return 301 https://$host$request_uri;
}}

server {{
    listen 443 ssl;
    http2 on;
    server_name {host};
    ssl_certificate {certificate};
    ssl_certificate_key {certificate_key};
    ssl_protocols TLSv1.2 TLSv1.3;

    access_log /var/log/nginx/callvault.log combined if=$callvault_is_logged;
    # A line of a lower level can contain the whole request, with its token.
    error_log /var/log/nginx/callvault-error.log crit;

    client_max_body_size 2g;
    client_header_timeout 30s;
    client_body_timeout 60s;
    send_timeout 60s;
    keepalive_timeout 60s;

    location / {{
        if ($callvault_cell = none) {{
            return 404;
        }}
        proxy_pass $callvault_scheme://callvault_$callvault_cell;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_server_name on;
        proxy_ssl_name $callvault_name;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        # Replaced, not appended: a client must not choose its address. VAULT_TRUSTED_PROXIES names this machine.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;

        # Plaintext audio passes through memory alone. Without these lines nginx writes bodies into files.
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_max_temp_file_size 0;

        proxy_connect_timeout 5s;
        # A slow client of an upload, or a player that pauses, is given up by the vault after 60 seconds.
        proxy_send_timeout 75s;
        proxy_read_timeout 75s;
    }}
}}
"""

_HAPROXY: Final = """\
# haproxy (2.6 or later) in front of several vaults; written by `callvault cells haproxy`.

global
    log /dev/log local0
    ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
    mode http
    log global
    option httplog
    option dontlognull
    timeout connect 2s
    timeout client 75s
    timeout server 75s
    timeout http-request 30s
    timeout http-keep-alive 60s
    # A request that reached no node is sent to another one of the same cell. One that was sent is never repeated.
    retries 2
    option redispatch 1

frontend callvault
    bind :80
    bind :443 ssl crt {certificate} alpn h2,http/1.1
    http-request redirect scheme https code 301 unless {{ ssl_fc }}
    http-request return status 404 unless {{ req.hdr(host),field(1,:) -i {host} }}
    # Paths of links and sessions contain their tokens.
    http-request set-log-level silent if {{ path_beg /p/ /s/ }}
    # The cell: by the path, else by the caller's key, else by the cookie of the console. Another label is none.
{rules}
    http-request return status 404 if !{{ var(txn.cell) -m found }} || {{ var(txn.cell) -m str none }}
    # Replaced, not appended: a client must not choose its address. VAULT_TRUSTED_PROXIES names this machine.
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https
    # A node refuses an upload before it has read it: the connection ends with the answer.
    acl is_long req.hdr_val(content-length) gt 8192
    acl is_long req.fhdr_cnt(transfer-encoding) gt 0
    http-request set-var(txn.long) bool(true) if is_long
    http-after-response set-header Connection close if {{ var(txn.long) -m bool }} {{ status ge 400 }}
    use_backend callvault_%[var(txn.cell)]

{backends}
"""

_BACKEND: Final = """\
backend callvault_{label}
    balance leastconn
    option httpchk GET /readyz
    http-check expect status 200 error-status L7OKC
    timeout check 3s
    default-server check inter 1s fastinter 500ms downinter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{servers}"""
