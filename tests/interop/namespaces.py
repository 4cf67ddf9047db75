"""Two hosts in network namespaces of their own, if wanted with a NAT before one of them.

The namespaces have no names, only descriptors of this process, and the programs in them die with it: however
a run ends, nothing of it stays, and runs side by side do not meet.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from tests.conftest import require_tool, skip_or_fail

NEAR, FAR = "192.0.2.1", "192.0.2.2"
"""Where each host is seen by the other, with a NAT or without."""
INSIDE, GATEWAY = "10.9.0.2", "10.9.0.1"
"""What a host behind the NAT calls itself, and the NAT's address there."""
CLONE_NEWNET: Final = 0x40000000
SECONDS: Final = 10

Made = TypeVar("Made")


def require_root() -> None:
    """Namespaces, and ports below 1024, are root's; see `skip_or_fail`."""
    require_tool("ip")
    require_tool("nsenter")
    reason = "network namespaces need root"
    if os.geteuid() == 0:
        try:
            os.close(aside(new_namespace))
        except OSError as error:
            reason = f"no network namespaces here: {error.strerror}"
        else:
            return
    skip_or_fail(reason)


class Network:
    """``near`` (ours, at `NEAR`) and ``far`` (the peer's, at `FAR`). `nat` names the one that is behind a NAT:
    it has the address `INSIDE`, and a port of the NAT's choice for each of its own."""

    def __init__(self, nat: str = "") -> None:
        self.nat = nat
        self._public = ""
        self._namespaces: dict[str, int] = {}
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Network:
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def address(self, host: str) -> str:
        """What a host calls itself."""
        return INSIDE if host == self.nat else {"near": NEAR, "far": FAR}[host]

    def start(self, host: str, *command: str, **options: Any) -> subprocess.Popen[str]:
        """A program there, ended with the network if it has not ended before. Its output is text."""
        process: subprocess.Popen[str] = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self._enter(host), *command],
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **options,
        )
        self._processes.append(process)
        return process

    def socket(self, host: str, port: int) -> socket.socket:
        """A UDP socket at the host's address."""

        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)
            made.bind((self.address(host), port))
            return made

        return aside(make, self._namespaces[host])

    def translate(self, first: int, last: int) -> None:
        """Let the NAT take its ports from that range: others than the hosts', so that whoever answers to 500
        or 4500 gets nowhere. Mappings that there are stay."""
        rules = f"""
            table ip translation
            delete table ip translation
            table ip translation {{
                chain out {{
                    type nat hook postrouting priority srcnat;
                    ip saddr {INSIDE} meta l4proto udp snat to {self._public}:{first}-{last}
                }}
            }}"""
        self._run("nat", "nft", "-f", "-", given=rules)

    def forget_after(self, seconds: int) -> None:
        """Let the NAT forget mappings that nobody has used for so long."""
        for kind in ("udp_timeout", "udp_timeout_stream"):
            file = f"/proc/sys/net/netfilter/nf_conntrack_{kind}"
            self._run("nat", "sh", "-c", f"echo {seconds} >{file}")

    def close(self) -> None:
        for process in self._processes:
            end(process)
        for descriptor in self._namespaces.values():
            os.close(descriptor)
        self._namespaces.clear()

    # -- how it is made ------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        for host in ("near", "far", *(("nat",) if self.nat else ())):
            self._namespaces[host] = aside(new_namespace)
            self._run(host, "ip", "link", "set", "lo", "up")
        if not self.nat:
            self._join("near", NEAR, "far", FAR)
            return
        other = "near" if self.nat == "far" else "far"
        outer, self._public = (NEAR, FAR) if other == "near" else (FAR, NEAR)
        self._join(self.nat, INSIDE, "nat", GATEWAY)
        self._join(other, outer, "nat", self._public)
        self._run(self.nat, "ip", "route", "add", "default", "via", GATEWAY)
        self._run("nat", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.translate(20_000, 29_999)

    def _join(self, one: str, address: str, another: str, other_address: str) -> None:
        ends = ((one, f"to-{another}", address), (another, f"to-{one}", other_address))
        (_, link, _), (_, far_link, _) = ends
        veth = ("type", "veth", "peer", "name", far_link, "netns", self._path(another))
        self._run(one, "ip", "link", "add", link, *veth)
        for host, device, at in ends:
            self._run(host, "ip", "address", "add", f"{at}/24", "dev", device)
            self._run(host, "ip", "link", "set", device, "up")

    def _path(self, host: str) -> str:
        return f"/proc/{os.getpid()}/fd/{self._namespaces[host]}"

    def _enter(self, host: str) -> list[str]:
        return ["nsenter", f"--net={self._path(host)}"]

    def _run(self, host: str, *command: str, given: str = "") -> None:
        done = subprocess.run(
            [*self._enter(host), *command],
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def aside(make: Callable[[], Made], namespace: int | None = None) -> Made:
    """What `make` makes in a namespace, which is a thread's own: this one's ends with it. A socket stays in
    the namespace that it was made in."""
    made: list[Made] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            if namespace is not None:
                call("setns", namespace, CLONE_NEWNET)
            made.append(make())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def new_namespace() -> int:
    """A descriptor of one; it is there for as long as that, or something in it."""
    call("unshare", CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def call(name: str, *arguments: int) -> None:
    """A function of the C library; Python 3.12 has these two."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        problem = ctypes.get_errno()
        raise OSError(problem, f"{name}: {os.strerror(problem)}")


def end(process: subprocess.Popen[str]) -> None:
    """End one of ours, and what it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            # It was started as the leader of a group of its own.
            os.killpg(process.pid, number)
        try:
            process.wait(3)
            return
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def network(nat: str = "") -> Iterator[Network]:
    """A `Network`, or the reason why there is none as a skip."""
    require_root()
    if nat:
        require_tool("nft")
    with Network(nat) as made:
        yield made
