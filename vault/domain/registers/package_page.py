"""The page of a package: for a person, in one language, without scripts, and readable without the vault.

It lists the calls by date with their sound, what is not there and why, and the processing. Its own style is in it,
because nothing of it may be fetched from anywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Final, Literal

from vault.domain.recordings.media import clock_length
from vault.domain.registers.privacy_page import PageTexts
from vault.domain.requests.package import LIFE, LeftOut

_STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 0 auto; padding: 1.5rem 1rem; }
h1 { margin: 0; line-height: 1.2; }
h2 { margin: 2rem 0 .5rem; border-bottom: 1px solid; }
h3 { margin: 0; font-size: 1.0625rem; }
ul, ol { padding-left: 1.25rem; }
ol.calls { list-style: none; padding: 0; }
.calls > li { padding: 1rem 0; border-top: 1px solid #8886; break-inside: avoid; }
.calls > li:first-child { border-top: 0; }
p { margin: .25rem 0; }
audio { display: block; width: 100%; margin: .5rem 0; }
pre { padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere; background: #8882; }
.id { font: .8125rem ui-monospace, monospace; overflow-wrap: anywhere; }
@media print { audio { display: none; } body { max-width: none; padding: 0; } }
"""
#: Files of a call on the page, in their order.
_OF_CALL: Final = (
    "evidence.json", "consultations.json", "retention.json", "notes.json", "metadata.json", "recording.vcon.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedCall:
    """A recording in a part of a package."""

    recording_id: str
    #: When the call began, or else when the recording was received.
    at: datetime
    #: Seconds.
    duration: float | None
    #: Where the person was; None if that is not certain.
    side: Literal["caller", "callee"] | None
    #: The last digits of the person's number in the call; None where it is not known.
    ending: str | None = None
    is_whole: bool
    #: The name of the audio in the archive.
    audio: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """What the page of a part says. ``number``, from 1, and ``is_last``: which part it is."""

    #: When the request was received.
    received_at: datetime
    made_at: datetime
    number: int
    is_last: bool
    #: Every file of the part but the page itself and the hashes.
    names: Sequence[str]
    calls: Sequence[PackagedCall]
    left_out: Mapping[str, LeftOut]
    #: When the calls of those began, as far as that is known.
    times: Mapping[str, datetime]
    #: Recordings in which the other party is heard faintly.
    echoes: Sequence[str]
    #: Headings with lines that describe the processing.
    about: Sequence[tuple[str, Sequence[str]]] = field(default=())


def write_page(content: PageContent, texts: PageTexts) -> str:
    """Return the page as HTML in the language of ``texts``."""
    words = texts.package
    head = [
        words["answer"].format(received=texts.day(content.received_at), made=texts.day(content.made_at)),
        words["until"].format(until=texts.day(content.made_at + LIFE)),
    ]
    if content.number > 1 or not content.is_last:
        head.append(words["part"].format(number=content.number))
    calls = "".join(_call(one, content, texts) for one in sorted(content.calls, key=lambda one: one.at))
    others = [name for name in content.names if not name.startswith("recordings/")]
    parts = [
        f"<header><h1>{escape(words['title'])}</h1>{_paragraphs(head)}</header><main>",
        _section(
            words["calls"], f'<ol class="calls">{calls}</ol>' if calls else _paragraphs([words["no_calls"]])
        ),
        _section(words["left_out"], _missing(content, texts)),
        *(_section(heading, _list(map(escape, lines))) for heading, lines in content.about),
        _section(words["other"], _list(_link(name, texts) for name in others)),
        _section(words["check"], _checking(words, others)),
    ]
    return (
        f'<!doctype html>\n<html lang="{texts.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(words['title'])}</title><style>{_STYLE}</style></head><body>"
        f"{''.join(parts)}</main></body></html>\n"
    )


def _call(one: PackagedCall, content: PageContent, texts: PageTexts) -> str:
    words, folder = texts.package, f"recordings/{one.recording_id}/"
    title = _title(one.at, texts)
    length = [] if one.duration is None else [words["length"].format(length=clock_length(one.duration)) + "."]
    said = [
        *([words[one.side]] if one.side else []),
        *([words["number"].format(ending=one.ending)] if one.ending else []),
        *length,
        words["whole" if one.is_whole else "own_voice"],
    ]
    if one.recording_id in content.echoes:
        said.append(words["echo"])
    names = {name.removeprefix(folder) for name in content.names if name.startswith(folder)}
    files = _list(_link(folder + name, texts) for name in _OF_CALL if name in names)
    return (
        f'<li><h3 id="{one.recording_id}">{escape(title)}</h3><p>{escape(" ".join(said))}</p>'
        f'<audio controls preload="none" src="{escape(one.audio)}" aria-labelledby="{one.recording_id}"></audio>'
        f'<p><a href="{escape(one.audio)}">{escape(words["open"])}</a></p>'
        f"<details><summary>{escape(words['details'])}</summary>{files}"
        f'<p class="id">{one.recording_id}</p></details></li>'
    )


def _title(at: datetime, texts: PageTexts) -> str:
    return texts.package["call"].format(date=texts.day(at), time=f"{at:%H:%M}")


def _missing(content: PageContent, texts: PageTexts) -> str:
    """Return what is not there: by the time of its call, those whose time is not known at the end, by their ids."""
    times = content.times
    items = sorted(
        content.left_out.items(), key=lambda one: (one[0] not in times, times.get(one[0], content.made_at))
    )
    return _list(
        f"{escape(_title(times[name], texts) if name in times else name)} {escape(texts.left_out[why])}."
        for name, why in items
    )


def _checking(words: Mapping[str, str], others: Sequence[str]) -> str:
    receipts = [words["check_receipts"]] if any(name.startswith("receipts/") for name in others) else []
    return (
        f"{_paragraphs([words['check_text']])}<pre>sha256sum --check SHA256SUMS</pre>{_paragraphs(receipts)}"
    )


def _link(name: str, texts: PageTexts) -> str:
    *folders, file = name.split("/")
    what = texts.package_files.get(folders[0] if folders[:1] == ["receipts"] else file, file)
    return f'<a href="{escape(name)}">{escape(what)}</a>'


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{body}</section>" if body else ""


def _list(items: Iterable[str]) -> str:
    """Return a list of items that are HTML; empty for none."""
    rows = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{rows}</ul>" if rows else ""


def _paragraphs(lines: Sequence[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)
