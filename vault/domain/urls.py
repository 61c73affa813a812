"""URLs in settings, taken apart."""

from urllib.parse import SplitResult, urlsplit


def split_url(url: str) -> SplitResult:
    """Take a URL apart. One that Python cannot take apart, such as ``http://[``, has no parts: it is of no kind."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")
