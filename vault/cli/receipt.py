"""The command ``verify-receipt``: verify the receipt of a request offline, without the vault and without a secret."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vault.cli.log import read_verifier
from vault.errors import Unavailable, VaultError
from vault.tlog.receipt_file import MAX_BYTES, verify_receipt


def verify_receipt_file(
    receipt: Annotated[Path, typer.Argument(help="The receipt, as JSON.")],
    *,
    key: Annotated[
        str | None,
        typer.Option(help="The log's verifier key, or a file with it, from a trusted source."),
    ] = None,
    number: Annotated[
        str | None,
        typer.Option(help="A telephone number, in any spelling: also check that the receipt is about it."),
    ] = None,
) -> None:
    """Verify a receipt: every leaf, the proofs, the signature and the statement. Exits with 1 if one is wrong."""
    found = verify_receipt(_read(receipt), verifier=None if key is None else read_verifier(key))
    statement = found.statement
    typer.echo(f"request      {statement['request']}, {statement['kind']}, {statement['outcome']}")
    typer.echo(f"answered     {statement['answered_at']}")
    for line in _of_closure(statement) if statement["kind"] == "closure" else _of_person(statement):
        typer.echo(line)
    if number is not None:
        if "subject" not in statement:
            raise VaultError(
                "The receipt of a closure is about an account and about no number: leave out --number."
            )
        _check_number(statement["subject"], number)
        typer.echo("number       the receipt is about it")
    typer.echo(f"signed by    {found.verifier.write()}" + ("" if key else "  (named by the receipt itself)"))
    typer.echo(f"The statement, {found.leaves} leaves, their proofs and the signature are right.")
    if key is None:
        typer.echo("Compare the key with one from a trusted source, or pass that one as --key.", err=True)


def _of_person(statement: Mapping[str, Any]) -> Iterator[str]:
    """Write what was done about the request of a person."""
    for recording in statement["recordings"]:
        yield f"recording    {recording['id']}, {recording['outcome']}"
        for one in recording.get("handovers", ()):
            keeps = f", keeps {' '.join(one['keeps'])}" if one["keeps"] else ""
            yield f"  in         {one['system']}, {one['outcome']}{keeps}"
    for code, count in statement["calls"].items():
        yield f"calls        {count}, {code}"
    # Receipts of earlier releases do not have it.
    for informed in statement.get("recipients_informed", ()):
        yield f"informed     {informed['name']}, {informed['at']}"


def _of_closure(statement: Mapping[str, Any]) -> Iterator[str]:
    """Write what was done at the end of an account: such a receipt counts, and names no recording."""
    yield f"recordings   {statement['recordings_erased']} erased, {statement['recordings_left']} left"
    yield f"calls        {statement['calls_left']} left"
    yield f"export       {'made' if statement['exported'] else 'none'}"
    yield f"keys         destroyed: {', '.join(map(str, statement['key_versions_destroyed'])) or 'none'}"


def _check_number(subject: dict[str, object], number: str) -> None:
    from vault.domain.requests.receipt import commitment

    salt, commitments = bytes.fromhex(str(subject["salt"])), list(subject["commitments"])  # type: ignore[call-overload]
    if not any(commitment(salt, one) in commitments for one in _numbers_in(number)):
        raise VaultError("The receipt is not about this number.")


def _numbers_in(written: str) -> set[str]:
    """Return every number in E.164 that somebody may mean, in any country: a commitment tells which one it is."""
    import phonenumbers

    from vault.domain.calls.number_reader import read_numbers
    from vault.telephony.numbering.number_plans import NumberPlans

    plans = NumberPlans()
    found = {written, *plans.readings(written, sorted(phonenumbers.SUPPORTED_REGIONS))}
    for key in read_numbers(written).keys:
        codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        found |= {key} if key.startswith("+") else {f"+{code}{key}" for code in codes}
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unavailable(f"{path} could not be read.") from error
