"""A run of ``decode``: every input through the sieve and out, in one process or in several."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from gsakmp.captures import Datagram
from gsakmp.captures.batches import BATCH_OCTETS, Batch
from gsakmp.cli.inputs import Input
from gsakmp.cli.jobs import MOST, Lines, Workers, processors, seldom_collected
from gsakmp.cli.outputs import Form, JSONOutput, Output, ViewOutput
from gsakmp.cli.report import Bar, progress
from gsakmp.cli.sieve import Sieve
from gsakmp.cli.status import MALFORMED, SOUND, UNUSABLE, complain
from gsakmp.errors import GsakmpError

__all__ = ["Decoding", "usual_jobs"]

MUCH: Final = 16 * 1024 * 1024
"""Octets of input from which on starting processes is worth it: about a second's work for one of them."""


def usual_jobs(inputs: Sequence[Input]) -> int:
    """How many processes where nobody says: one for each processor if there is much to read. What comes
    through a pipe is given as it comes, by one."""
    sizes = [source.size for source in inputs if source.octets is None]
    if any(size is None for size in sizes) or sum(size or 0 for size in sizes) < MUCH:
        return 1
    return min(processors(), MOST)


def needed(inputs: Sequence[Input], jobs: int) -> int:
    """`jobs`, or as many as there are batches for, if that is fewer."""
    if any(source.size is None for source in inputs):
        return jobs
    return min(jobs, len(inputs) + sum(source.size or 0 for source in inputs) // BATCH_OCTETS)


class Decoding:
    """One run over all inputs. More than one of `jobs` are for JSON, without keys: what one message says
    opens the next, and people don't read that fast."""

    def __init__(
        self, inputs: Sequence[Input], sieve: Sieve, form: Form, everything: bool, jobs: int = 1
    ) -> None:
        self.inputs, self.sieve, self.form, self.everything = inputs, sieve, form, everything
        self.jobs = jobs if form is Form.JSON and sieve.opener is None else 1
        self.tally = sieve.tally
        self.unusable = False

    def status(self) -> int:
        """Decode everything; the exit status. What is wrong with one file does not stop the next."""
        json, sieve = self.form is Form.JSON, self.sieve
        out: Output = JSONOutput(sieve) if json else ViewOutput(sieve, self.form, self.everything)
        try:
            with seldom_collected():
                if isinstance(out, JSONOutput) and self.jobs > 1:
                    Parallel(self, out).run()
                else:
                    self.run(out)
        except OSError:  # it is the output itself that failed
            raise
        except BaseException:
            out.flush()
            raise
        out.flush()
        return UNUSABLE if self.unusable else SOUND if self.tally.sound else MALFORMED

    def name(self, source: Input) -> str:
        """What output calls an input: nothing, where there is only one."""
        return source.label if len(self.inputs) > 1 else ""

    def fail(self, problem: GsakmpError, out: Output) -> None:
        """An input could not be read to its end."""
        self.unusable = True
        out.flush()  # what came before stands before what is said about it
        complain(str(problem))

    def run(self, out: Output) -> None:
        """All of it here."""
        for source in self.inputs:
            try:
                with progress(source) as bar:
                    self.take(source, bar, out)
            except GsakmpError as exc:
                self.fail(exc, out)
            finally:
                self.tally.capture(source.counts)

    def take(self, source: Input, bar: Bar, out: Output) -> None:
        """Everything in one input."""
        sieve, name = self.sieve, self.name(source)
        take, step = out.take, bar.step
        at_once = source.name == "-" or sys.stdout.isatty()
        for datagram in source.datagrams(sieve.reader.ports, esp=sieve.opener is not None):
            step()
            take(datagram, name)
            if at_once:
                out.flush()


Piece = tuple[Input, Batch | Datagram | GsakmpError | None]
"""Of an input: frames, a message given as hex, what is wrong with it, or None for its end."""


class Parallel:
    """The run, with the frames sent to workers. IP fragments and messages in hex are done here."""

    def __init__(self, run: Decoding, out: JSONOutput) -> None:
        self.decoding, self.sieve, self.out = run, run.sieve, out

    def run(self) -> None:
        """Write all lines in their order."""
        number = needed(self.decoding.inputs, self.decoding.jobs)
        with Workers(number, self.sieve.reader, self.sieve.filters) as workers, ExitStack() as bars:
            bar, place = Bar(), None
            for (source, piece), lines in workers.ordered(self.pieces()):
                if place is not source:
                    place = source
                    bar = bars.enter_context(progress(source))
                if lines is not None:
                    self.write(source, lines)
                    bar.step(lines.counts.frames)
                elif isinstance(piece, Datagram):
                    self.out.take(piece, self.decoding.name(source))
                elif isinstance(piece, GsakmpError):
                    self.decoding.fail(piece, self.out)
                else:
                    self.decoding.tally.capture(source.counts)
                    bars.pop_all().close()

    def pieces(self) -> Iterator[tuple[Piece, Batch | None, str]]:
        """Everything in all inputs, in its order."""
        for source in self.decoding.inputs:
            name = self.decoding.name(source)
            try:
                for item in source.pieces(self.sieve.reader.ports):
                    yield (source, item), item if isinstance(item, Batch) else None, name
            except GsakmpError as exc:
                yield (source, exc), None, name
            yield (source, None), None, name

    def write(self, source: Input, lines: Lines) -> None:
        """The lines of a batch, and those of the datagrams that its fragments complete."""
        name = self.decoding.name(source)
        for part in lines.parts:
            if isinstance(part, bytes):
                self.out.write(part)
            elif (datagram := source.completed(part)) is not None:
                self.out.take(datagram, name)
        self.decoding.tally.add(lines.tally)
        self.decoding.tally.capture(lines.counts)
