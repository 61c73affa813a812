"""The catalogue of metrics on its page, and a reader of Prometheus expressions."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (process|database) \|([^|]*)\|", re.MULTILINE)
FUNCTIONS = {
    "abs", "absent", "histogram_quantile", "increase", "max", "min", "min_over_time", "rate", "sum",
}  # fmt: skip
TOKEN = re.compile(
    r"\s*(?:(?P<name>[a-zA-Z_:]\w*)|(?P<number>\d+(?:\.\d+)?)|(?P<text>\"[^\"]*\")|(?P<range>\[\d+[smhd]\])"
    r"|(?P<sign>==|!=|=~|>=|<=|[-+*/(){},=<>]))"
)


def catalogue() -> dict[str, tuple[str, set[str]]]:
    """Return what the page of the catalogue says."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, _, labels in ROW.findall(text)}


def metrics_of(expression: str) -> dict[str, set[str]]:
    """Read an expression and return its metrics, each with the labels it selects by. Raises AssertionError."""
    tokens, place = [], 0
    while place < len(expression.rstrip()):
        found = TOKEN.match(expression, place)
        assert found, f"not understood: {expression[place:]}"
        tokens.append((found.lastgroup, found[0].strip()))
        place = found.end()
    text = [token for _, token in tokens]
    for opening, closing in ("()", "{}"):
        depths = [text[: n + 1].count(opening) - text[: n + 1].count(closing) for n in range(len(text))]
        assert min(depths) >= 0, expression
        assert depths[-1] == 0, expression
    metrics: dict[str, set[str]] = {}
    last, inside, by = "", False, False
    for n, (kind, token) in enumerate(tokens):
        follows = text[n + 1] if n + 1 < len(text) else ""
        if token in "{}":
            inside = token == "{"
        elif by:
            by = token != ")"
        elif kind != "name":
            assert kind != "range" or text[n - 1] == "}" or tokens[n - 1][0] == "name", expression
        elif inside:
            assert follows in {"=", "!=", "=~"}, expression
            metrics[last].add(token)
        elif token == "by":
            by = True
        elif follows in {"(", "by"}:
            assert token in FUNCTIONS, token
        elif token not in {"or", "and"}:
            last = token
            metrics.setdefault(token, set())
    return metrics
