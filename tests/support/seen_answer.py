"""All that a client sees of an answer, to compare answers that must look the same."""

import httpx

#: What is different in each answer: when it came, its id, and the requests that are left behind it.
_OF_ONE = {"date", "x-request-id", "ratelimit"}


def seen_headers(answer: httpx.Response) -> tuple[tuple[str, str], ...]:
    """Return the headers that answers of the same kind share."""
    return tuple(sorted(header for header in answer.headers.multi_items() if header[0] not in _OF_ONE))


def seen(answer: httpx.Response) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    """Return the whole answer: no tag and no count may tell what is there."""
    return answer.status_code, answer.content, seen_headers(answer)
