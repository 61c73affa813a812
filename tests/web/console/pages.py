"""The pages of the console that Chromium opens, by the name of their screenshot."""

from typing import Final

#: Below the account; names in braces are recordings of ``tests.support.console.furnished``.
PAGES: Final = {
    "overview": "",
    "missing": "/missing",
    "recordings": "/recordings",
    "recording": "/recordings/{kept-1}",
    "recording-restricted": "/recordings/{kept-2}",
    "recording-markup": "/recordings/{odd}",
    "evidence": "/recordings/{kept-1}/evidence",
    "quarantine": "/quarantine",
    "people": "/people",
    "consent": "/consent",
    "notices": "/consent/notices",
    "notice-new": "/consent/notices/new",
    "rules": "/consent/rules?place=US",
    "objections": "/consent/objections",
    "retention": "/retention",
    "retention-change": "/retention/change",
    "holds": "/holds",
    "hold-new": "/holds/new",
    "requests": "/requests",
    "request-new": "/requests/new",
    "approvals": "/approvals",
    "connections": "/connections",
    "connection": "/connections/main",
    "connection-new": "/connections/new",
    "keys": "/connections/keys",
    "access": "/access",
    "api-keys": "/access/keys",
    "log": "/log",
    "verify": "/log/verify",
}
