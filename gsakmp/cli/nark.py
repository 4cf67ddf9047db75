"""``gsakmp nark-module`` and ``gsakmp receipts``: a module that gives keys for receipts, and what these
say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gsakmp.cli.status import MALFORMED, SOUND, complain, paragraphs
from gsakmp.errors import AuthenticationFailed, ConfigurationError, DecodeError

if TYPE_CHECKING:
    from gsakmp.group.rekey.nark_receipts import Head, ReceiptLog, Settlement

__all__ = ["register"]

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the module's keys and receipts are.")]

modules = typer.Typer(
    help="A software stand-in for NARK's smartcard: it holds seeds, and gives out keys for receipts.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@modules.command()
def init(folder: Folder) -> None:
    """Make a module in a folder, and print its public keys, for the key server's policy."""
    from gsakmp.net.nark import ModuleFolder

    with ModuleFolder.create(folder) as files:
        print(files.module.identity.to_text())


@modules.command()
def show(folder: Folder) -> None:
    """Print the module's public keys, and how many receipts it has made."""
    from gsakmp.net.nark import ModuleFolder

    with ModuleFolder(folder) as files:
        counter, last = files.module.head
        print(f"public keys  {files.module.identity.to_text()}")
        print(f"receipts     {counter}")
        print(f"last digest  {last.hex()}")


@modules.command()
def attest(
    folder: Folder,
    challenge: Annotated[str, typer.Argument(metavar="CHALLENGE", help="The verifier's, hex digits.")],
) -> None:
    """Print the module's signed word on how long its log is, for `gsakmp receipts --head`."""
    import msgspec

    from gsakmp.group.rekey.nark_module import ModuleClient
    from gsakmp.net.nark import ModuleFolder

    with ModuleFolder(folder) as files:
        head = ModuleClient(files.module.handle).attest(from_hex(challenge, "the challenge"))
        print(msgspec.json.encode(head).decode())


@modules.command(hidden=True)
def run(folder: Folder) -> None:
    """Answer a member's requests on standard input and output."""
    from gsakmp.net.nark import serve

    serve(folder, sys.stdin.buffer, sys.stdout.buffer)


def receipts(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="A module's receipts.jsonl.")],
    module_key: Annotated[str, typer.Option(metavar="KEYS", help="The module's public keys, hex digits.")],
    grant: Annotated[
        str, typer.Option(metavar="GRANT", help="What the key server granted: the detail in its audit.")
    ] = "",
    head: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `gsakmp nark-module attest` printed.")
    ] = None,
    challenge: Annotated[str, typer.Option(metavar="HEX", help="What that was asked with.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify a log of receipts, and say what was delivered of a grant."""
    from gsakmp.group.rekey.nark import Grant, ModuleIdentity
    from gsakmp.group.rekey.nark_receipts import ReceiptLog
    from gsakmp.net.files import read_file
    from gsakmp.net.nark import LOG_OCTETS

    module = ModuleIdentity.from_text(module_key)
    granted = Grant.from_text(grant.rpartition(" ")[2]) if grant else None  # after the data SA's name
    octets = read_file(log, "receipt", limit=LOG_OCTETS)
    try:
        found = ReceiptLog.read(octets.splitlines(keepends=True))
        word = _head(head, challenge)
        if word is not None:
            word.verify(module.signing, from_hex(challenge, "the challenge"))
        found.verify(module.signing, word)
    except (DecodeError, AuthenticationFailed) as error:
        complain(f"{log}: {error}")
        raise typer.Exit(MALFORMED) from None
    settled = found.settle(module.signing, granted, word) if granted is not None else None
    _tell(found, settled, word, as_json)
    raise typer.Exit(SOUND if settled is None or settled.consistent else MALFORMED)


def _head(path: Path | None, challenge: str) -> Head | None:
    import msgspec

    from gsakmp.group.rekey.nark_receipts import Head
    from gsakmp.net.files import read_file

    if path is None:
        return None
    if not challenge:
        raise ConfigurationError("--head needs the --challenge that it answers")
    try:
        return msgspec.json.decode(read_file(path, "receipt head"), type=Head)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DecodeError(f"no head: {error}", str(path)) from None


def _tell(found: ReceiptLog, settled: Settlement | None, head: Head | None, as_json: bool) -> None:
    if as_json:
        import msgspec

        told: dict[str, Any] = {
            "receipts": len(found.receipts),
            "complete": head is not None,
            "settlement": settled,
        }
        # keys of a JSON object are texts
        print(msgspec.json.encode(told).decode())
        return
    end = (
        "none missing at the end" if head is not None else "whether some are missing at its end is not known"
    )
    print(f"{len(found.receipts)} receipts, each the module's, in order; {end}")
    if settled is None:
        return
    print(f"given        {', '.join(map(str, settled.given)) or 'nothing'}")
    print(f"delivered    {ranges(settled.released)}")
    print(f"not asked    {ranges(settled.withheld)}")
    print(f"not granted  {ranges(settled.beyond)}")


def ranges(periods: tuple[int, ...]) -> str:
    """``0-3, 7``; ``none`` without any."""
    from gsakmp.group.rekey.marks import Interval, union

    return ", ".join(map(str, union(Interval(period, period) for period in periods))) or "none"


def from_hex(text: str, what: str) -> bytes:
    """Raises `ConfigurationError`."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigurationError(f"{what} is hex digits, not {text!r}") from None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(modules, name="nark-module")
    app.command(
        epilog=paragraphs(
            "Exit status: 0 sound, 1 tampered with or beyond the grant, 2 it can't be read.",
            "[bold]gsakmp receipts receipts.jsonl --module-key 5a...[/]",
        )
    )(receipts)
