"""Media at pre-signed URLs, served like S3: the URL is the authorization, and no other is allowed.

AWS Signature Version 4 in the query, without the canonical request: the vault cannot compute the signature in
either case. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from vault.simulator.call import Copy
from vault.simulator.exchange import Reply, VaultRequest
from vault.simulator.provider import hand_out

_STAMP = "%Y%m%dT%H%M%SZ"
#: The lifetime of the URLs in captured webhooks.
LIFE = timedelta(seconds=600)


class PresignedMedia:
    """Signs URLs of one bucket, and serves the URLs that it signed and that have not expired."""

    def __init__(self, base: str) -> None:
        """Take the base URL of all paths."""
        self._base = base
        self._key = secrets.token_bytes(32)

    def url(self, path: str, *, expired: bool = False) -> str:
        """Return a URL that is valid for ten minutes, or that has just expired."""
        signed_at = datetime.now(UTC) - (LIFE + timedelta(seconds=30) if expired else timedelta(0))
        at, life = signed_at.strftime(_STAMP), str(int(LIFE.total_seconds()))
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"ASIAEXAMPLE/{at[:8]}/us-west-2/s3/aws4_request",
            "X-Amz-Date": at,
            "X-Amz-Expires": life,
            "X-Amz-Security-Token": secrets.token_urlsafe(48),
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": self._signature(path, at, life),
        }
        return f"{self._base}{path}?{urlencode(query)}"

    def answer(self, asked: VaultRequest, copy: Copy | None, content_type: str) -> Reply:
        """Answer a GET like S3."""
        if "authorization" in asked.headers:
            return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
        at, life = asked.parameter("X-Amz-Date") or "", asked.parameter("X-Amz-Expires") or ""
        given = asked.parameter("X-Amz-Signature") or ""
        if not given:
            return _error(403, "AccessDenied", "Access Denied")
        if not hmac.compare_digest(given, self._signature(asked.path, at, life)):
            return _error(403, "SignatureDoesNotMatch", "The request signature does not match.")
        signed_at = datetime.strptime(at, _STAMP).replace(tzinfo=UTC)
        if datetime.now(UTC) > signed_at + timedelta(seconds=int(life)):
            return _error(403, "AccessDenied", "Request has expired")
        if copy is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        # A valid URL is not the announced one, which had expired.
        copy.expired = False
        return hand_out(copy, content_type) or _error(404, "NoSuchKey", "The specified key does not exist.")

    def _signature(self, path: str, at: str, life: str) -> str:
        return hmac.new(self._key, f"GET\n{path}\n{at}\n{life}".encode(), "sha256").hexdigest()


def _error(status: int, code: str, message: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return Reply(status=status, body=body, content_type="application/xml")
