"""The command ``verify-removal``: what evidence proves of audio that was removed, offline and without a secret."""

import hashlib
import hmac
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from vault.domain.stored.evidence_file import MAX_BYTES, EvidenceFile, Removed, read_evidence_file
from vault.errors import Tampered, Unavailable, Undecodable, VaultError

#: Bytes that are hashed at a time.
_BLOCK = 1024 * 1024


def verify_removal(
    evidence: Annotated[Path, typer.Argument(help="The evidence of a recording, as JSON.")],
    *,
    new: Annotated[
        Path | None,
        typer.Option(help="The audio as it is now: check that it has silence where audio was removed."),
    ] = None,
    old: Annotated[
        Path | None, typer.Option(help="The audio of before a removal: prove that the rest is unchanged.")
    ] = None,
) -> None:
    """Verify what evidence says of audio that was removed from a recording. Exits with 1 if anything is wrong.

    Needs no vault. Without the file of before, nobody but the vault can say that the rest is unchanged.
    """
    found = read_evidence_file(_read(evidence))
    if not found.removals:
        raise VaultError("The evidence says of no removal.")
    typer.echo(f"recording    {found.recording}")
    typer.echo(f"evidence     {found.entries} entries, each with the digest of the one before")
    for one in found.removals:
        _show(one)
    if new is not None:
        _check(new, found.removals[-1], is_new=True)
        typer.echo(
            "new file     is the one of the last removal: silence in its spans, and the rest as the evidence says"
        )
    if old is not None:
        _check(old, _removal_from(old, found), is_new=False)
        typer.echo(
            "old file     is the one of before: all samples outside the spans are the same. This is proved"
        )
    else:
        typer.echo(
            "The vault vouches that the rest is unchanged; --old FILE, with the audio of before, proves it.",
            err=True,
        )


def _show(one: Removed) -> None:
    for span in one.spans:
        channels = ", ".join(str(channel + 1) for channel in span.channels)
        typer.echo(f"removed      {_time(span.begin_ms)} to {_time(span.end_ms)}, channel {channels}")
    typer.echo(f"  by         {one.by}, {one.at}: {one.reason}")
    typer.echo(f"  how        {one.method}")


def _time(milliseconds: int) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes}:{rest / 1000:06.3f}"


def _removal_from(old: Path, found: EvidenceFile) -> Removed:
    """Return the removal before which the file was the recording. Raises Tampered."""
    digest = _sha256(old)
    for one in found.removals:
        if hmac.compare_digest(digest, one.old_sha256):
            return one
    raise Tampered(f"{old} was never this recording: the evidence names another SHA-256.")


def _check(file: Path, removed: Removed, *, is_new: bool) -> None:
    """Raise Tampered unless a file has the digest and the samples that the evidence says."""
    # Imported here: the decoder is slow to import, and other commands do without.
    from vault.audio.decoding import describe
    from vault.audio.spans import measure
    from vault.domain.recordings.media import MAX_DURATION
    from vault.domain.recordings.redaction import frames_of, loudest_silence

    if is_new and not hmac.compare_digest(_sha256(file), removed.new_sha256):
        raise Tampered(f"{file} is not the audio after the last removal: its SHA-256 is another one.")
    try:
        with file.open("rb") as audio:
            about = describe(audio)
            audio.seek(0)
            frames = frames_of(
                removed.spans, sample_rate=about.sample_rate, frames=round(MAX_DURATION) * about.sample_rate
            )
            measures = measure(audio, frames, max_duration=MAX_DURATION)
    except Undecodable as error:
        raise VaultError(f"{file} cannot be decoded here.") from error
    if measures.rest.hex() != removed.unchanged_sha256:
        raise Tampered(f"Samples of {file} outside the spans are not those of the evidence.")
    is_silent = measures.loudest <= loudest_silence(about.codec)
    if is_new and (not is_silent or measures.samples != removed.silent_samples):
        raise Tampered(f"{file} has sound where audio was removed.")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with _opened(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path) -> bytes:
    with _opened(path) as file:
        return file.read(MAX_BYTES + 1)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise Unavailable(f"{path} could not be read.") from error
