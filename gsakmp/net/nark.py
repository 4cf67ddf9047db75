"""A NARK module in a process of its own: a folder with its keys and receipts, and pipes to the member.

The boundary is that of a process and of the folder's owner, no more: see `gsakmp.group.rekey.nark` for what
that is worth. Run the member as another user than the one that owns the folder, and what stands between the
two is the system's; as the same user, nothing is.

Each message on the pipes is its length in 4 octets, then as many octets. The child ends when its input does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import IO, BinaryIO, Final

import msgspec

from gsakmp.crypto import Random, system_random
from gsakmp.errors import ConfigurationError, StateError
from gsakmp.group.rekey.nark import ModuleIdentity
from gsakmp.group.rekey.nark_module import MESSAGE_OCTETS, SoftwareModule
from gsakmp.group.rekey.nark_receipts import FIRST_DIGEST, LINES, Digest, Long, Receipt, ReceiptLog
from gsakmp.net.files import read_file

__all__ = ["ModuleFolder", "ModuleProcess", "module_process", "serve"]

KEYS: Final = "module.key"
LOG: Final = "receipts.jsonl"
HEAD: Final = "receipts.head"
PRIVATE: Final = 0o600
FOLDER: Final = 0o700
LOG_OCTETS: Final = 128 * 1024 * 1024
"""A full log ends its module: it is kept, and another module is made."""
LENGTH: Final = 4
ANSWER_SECONDS: Final = 2.0
"""For an answer: an append to a disk, and a signature."""
START_SECONDS: Final = 15.0
"""For the first one: a process starts, and reads its log."""


class _Counted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the log was, in a file of its own: a log that was cut is noticed."""

    counter: Long
    last: Digest


class ModuleFolder:
    """The files of a module: ``module.key``, ``receipts.jsonl`` and ``receipts.head``. One process has it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises `ConfigurationError` for a folder that is none, is in use, or has files of others or that
        were tampered with; `AuthenticationFailed` for receipts that are not the module's."""
        self.path = Path(path).absolute()
        self._lock = _locked(self.path / KEYS)
        try:
            keys = read_file(self.path / KEYS, "module key", limit=1024, secret=True)
            try:
                private = bytes.fromhex(keys.decode("ascii"))
            except ValueError:
                raise ConfigurationError(f"{self.path / KEYS} holds no keys of a module") from None
            log = ReceiptLog.read(self._lines())
            self.module = SoftwareModule(private, self._append, log=log)
            self._check_head(log)
            self._log = open(self.path / LOG, "ab", buffering=0)  # noqa: SIM115  # held as long as we are
            os.fchmod(self._log.fileno(), PRIVATE)
        except OSError as error:
            self._lock.close()
            raise ConfigurationError(f"the module's folder {self.path}: {error.strerror}") from None
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def create(cls, path: str | os.PathLike[str], random: Random = system_random) -> ModuleFolder:
        """A new module in a new folder. Raises `ConfigurationError` where there is a module already."""
        folder = Path(path).absolute()
        try:
            folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)
            descriptor = os.open(folder / KEYS, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(SoftwareModule.new_private_keys(random).hex().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise ConfigurationError(f"{folder} has a module already") from None
        except OSError as error:
            raise ConfigurationError(f"no module can be made in {folder}: {error.strerror}") from None
        return cls(folder)

    def close(self) -> None:
        """Let another process have it."""
        self._log.close()
        self._lock.close()

    def __enter__(self) -> ModuleFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lines(self) -> list[bytes]:
        """The log, without a last line that a crash broke off: nothing was released for that."""
        path = self.path / LOG
        if not path.exists():
            return []
        octets = read_file(path, "receipt", limit=LOG_OCTETS)
        whole = octets.rfind(b"\n") + 1
        if whole < len(octets):
            os.truncate(path, whole)
        return octets[:whole].splitlines(keepends=True)

    def _check_head(self, log: ReceiptLog) -> None:
        """Raises `ConfigurationError` for a log that is shorter than it was, or another."""
        path = self.path / HEAD
        if not path.exists():
            return
        try:
            counted = msgspec.json.decode(read_file(path, "receipt head", limit=1024), type=_Counted)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise ConfigurationError(f"{path}: {error}") from None
        held = log.receipts[counted.counter - 1 : counted.counter] if counted.counter else []
        last = held[0].digest() if held else FIRST_DIGEST
        if counted.counter > len(log.receipts) or last.hex() != counted.last:
            raise ConfigurationError(
                f"{self.path / LOG} has {len(log.receipts)} receipts, and the module has made "
                f"{counted.counter}, or others: the log was cut or replaced"
            )

    def _append(self, line: bytes) -> None:
        """Durable when it returns. Raises `StateError`, and then nothing is released."""
        receipt = ReceiptLog.read([line]).receipts[0]
        if self._log.closed:
            raise StateError("the log of receipts could not be mended; the module has to start again")
        before = os.fstat(self._log.fileno()).st_size
        if before + len(line) > LOG_OCTETS or receipt.counter > LINES:
            raise StateError("the log of receipts is full; this module is used up")
        try:
            _write(self._log, line)
            self._count(receipt)
        except OSError as error:
            self._take_back(before)
            raise StateError(f"no receipt can be written: {error.strerror}") from None

    def _count(self, receipt: Receipt) -> None:
        """How long the log is now. The file is there whole, as it was or as it is to be."""
        head = _Counted(counter=receipt.counter, last=receipt.digest().hex())
        beside = self.path / f"{HEAD}.new"
        with open(beside, "wb", buffering=0) as file:
            _write(file, msgspec.json.encode(head))
        os.replace(beside, self.path / HEAD)

    def _take_back(self, size: int) -> None:
        """A receipt that nothing was released for must not stand before the next, which has its number."""
        try:
            os.ftruncate(self._log.fileno(), size)
            os.fsync(self._log.fileno())
        except OSError:  # as long as it may be there, there is no next
            self._log.close()


def _write(file: FileIO, octets: bytes) -> None:
    """All of them, durably. Raises `OSError`."""
    if file.write(octets) != len(octets):
        raise OSError(errno.ENOSPC, "only part of it could be written")
    os.fsync(file.fileno())


def _locked(path: Path) -> BinaryIO:
    """The file, open, and this process's alone. Raises `ConfigurationError`."""
    try:
        file = open(path, "rb")  # noqa: SIM115  # held as long as the lock is
    except OSError as error:
        raise ConfigurationError(f"no module is at {path.parent}: {error.strerror}") from None
    try:
        import fcntl  # not everywhere

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except OSError:
        file.close()
        raise ConfigurationError(f"the module at {path.parent} is in use by another process") from None
    return file


# -- the child -----------------------------------------------------------------------------------------


def serve(folder: str | os.PathLike[str], requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more. Raises `ConfigurationError` as `ModuleFolder`, and
    `StateError` for a message that is longer than any."""
    with ModuleFolder(folder) as files:
        while (request := _read(requests)) is not None:
            answer = files.module.handle(request)
            answers.write(len(answer).to_bytes(LENGTH, "big") + answer)
            answers.flush()


def _read(requests: BinaryIO) -> bytes | None:
    head = requests.read(LENGTH)
    if len(head) < LENGTH:
        return None
    size = int.from_bytes(head, "big")
    if size > MESSAGE_OCTETS:
        raise StateError(f"a request of {size} octets")
    octets = requests.read(size)
    return octets if len(octets) == size else None


# -- the member's end ----------------------------------------------------------------------------------


class ModuleProcess:
    """A module in a child process. It is started when it is first asked, and again after it failed.

    A request blocks for at most some seconds, `ANSWER_SECONDS` once it runs; a module that takes longer, or
    says what no answer is, is ended.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        command: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """`command` is what is run in the place of this program's own ``nark-module run``."""
        self.folder = Path(folder).absolute()
        self._command = [
            *(command or (sys.executable, "-m", "gsakmp", "nark-module", "run", str(self.folder)))
        ]
        self._clock = clock
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def request(self, octets: bytes) -> bytes:
        """An answer of the module. Raises `StateError` where none comes."""
        if len(octets) > MESSAGE_OCTETS:
            raise StateError(f"a request of {len(octets)} octets is longer than any")
        child, fresh = self._running()
        end = self._clock() + (START_SECONDS if fresh else self._seconds)
        try:
            self._write(child, len(octets).to_bytes(LENGTH, "big") + octets, end)
            size = int.from_bytes(self._get(child, LENGTH, end), "big")
            if size > MESSAGE_OCTETS:
                raise StateError(f"the module's answer has {size} octets")
            return self._get(child, size, end)
        except (OSError, StateError) as error:
            self.close()
            raise StateError(f"the module at {self.folder} does not answer: {error}") from None

    def identity(self) -> ModuleIdentity:
        """The module's public keys. Raises `StateError`."""
        from gsakmp.group.rekey.nark_module import ModuleClient

        return ModuleClient(self.request).identify()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _running(self) -> tuple[subprocess.Popen[bytes], bool]:
        if self._child is not None and self._child.poll() is None:
            return self._child, False
        self.close()
        try:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # a Ctrl-C at the member's terminal is not for the module
            )
        except OSError as error:
            raise StateError(f"the module at {self.folder} can't be started: {error.strerror}") from None
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        return self._child, True

    def _write(self, child: subprocess.Popen[bytes], octets: bytes, end: float) -> None:
        pipe = _pipe(child.stdin)
        while octets:
            self._wait(pipe, selectors.EVENT_WRITE, end)
            octets = octets[os.write(pipe, octets) :]

    def _get(self, child: subprocess.Popen[bytes], size: int, end: float) -> bytes:
        pipe, found = _pipe(child.stdout), b""
        while len(found) < size:
            self._wait(pipe, selectors.EVENT_READ, end)
            part = os.read(pipe, size - len(found))
            if not part:
                raise StateError("it has ended")
            found += part
        return found

    def _wait(self, pipe: int, event: int, end: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if not selector.select(max(0.0, end - self._clock())):
                raise StateError("it takes too long")


def _pipe(file: IO[bytes] | None) -> int:
    if file is None:
        raise StateError("it has no pipes")
    return file.fileno()


_PROCESSES: Final[dict[Path, ModuleProcess]] = {}


def module_process(folder: Path) -> ModuleProcess:
    """The one of this folder, as a folder has one process: a configuration that is read again means the same.
    It ends with this process."""
    return _PROCESSES.setdefault(folder, ModuleProcess(folder))
