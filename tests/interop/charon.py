"""strongSwan's charon on the host `far`, configured and asked by swanctl, with nothing of the system's own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gsakmp.registries import AuthenticationMethod
from tests.conftest import require_tool, skip_or_fail
from tests.interop.namespaces import NEAR, Network, end
from tests.interop.shell import Shell
from tests.unit.exchanges.phase1 import certificate_of, key_of

PROGRAMS: Final = ("/usr/lib/ipsec/charon", "/usr/libexec/ipsec/charon", "/usr/libexec/strongswan/charon")
"""Where distributions keep it: in no PATH."""
START_SECONDS: Final = 10
ASK_SECONDS: Final = 15
AUTHORITY: Final = "authority.example"

# kernel-libipsec comes first: it takes what would need ESP of the kernel. kdf makes the keys.
PLUGINS: Final = (
    "random nonce aes sha1 sha2 md5 hmac kdf gmp openssl pem pkcs1 pkcs8 pubkey x509 constraints "
    "kernel-netlink socket-default vici"
)
SETTINGS: Final = """
charon {{
    load_modular = no
    load = {plugins}
    # Its authors' name for what RFC 2409, 5.4 allows.
    i_dont_care_about_security_and_use_aggressive_mode_psk = yes
    install_routes = no
    install_virtual_ip = no
    retransmit_base = 1
    retransmit_timeout = 1.0
    retransmit_tries = 3
    {more}
    plugins {{
        vici {{
            socket = unix://{folder}/vici
        }}
    }}
    filelog {{
        file {{
            path = {folder}/log
            flush_line = yes
            default = 1
            ike = 2
        }}
    }}
}}
swanctl {{
    load = random pem pkcs1 pkcs8 pubkey x509 openssl
}}
"""


def find_charon() -> str:
    """Its path; see `skip_or_fail`."""
    require_tool("swanctl")
    for path in PROGRAMS:
        if Path(path).exists():
            return path
    skip_or_fail("charon is not installed")


class Charon:
    """A charon with one connection, ``peer``. `settings` go into its own section, `connection` into the
    connection's; the proofs are a pre-shared key or the certificates of `method`."""

    def __init__(
        self,
        network: Network,
        *,
        key: str = "",
        method: AuthenticationMethod = AuthenticationMethod.PRE_SHARED_KEY,
        authority: str = AUTHORITY,
        identity: str = "gcks.example",
        peer: str = "member.example",
        connection: str = "",
        settings: str = "",
    ) -> None:
        self._network = network
        self._folder = Path(mkdtemp(prefix="gk"))  # short: a UNIX socket's path has 107 octets
        self._process: subprocess.Popen[str] | None = None
        shared = method == AuthenticationMethod.PRE_SHARED_KEY
        self._settings(settings)
        if not shared:
            self._certify(identity, method, authority)
        (self._folder / "swanctl.conf").write_text(
            f"""
            connections {{
                peer {{
                    version = 1
                    local_addrs = {network.address("far")}
                    remote_addrs = {NEAR}
                    {connection}
                    local {{
                        auth = {"psk" if shared else "pubkey"}
                        id = {identity}
                        {"" if shared else "certs = own.pem"}
                    }}
                    remote {{
                        auth = {"psk" if shared else "pubkey"}
                        id = {peer}
                    }}
                }}
            }}
            secrets {{
                {f'ike {{ secret = "{key}" }}' if shared else ""}
            }}
            """
        )

    def __enter__(self) -> Charon:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._process is not None:
            end(self._process)
        rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it without a word to anybody."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def restart(self) -> None:
        """The same one anew, which knows of no SA."""
        self.kill()
        (self._folder / "vici").unlink()
        self._start()

    # -- what it is told and asked ---------------------------------------------------------------------------

    def initiate(self, shell: Shell, seconds: float = ASK_SECONDS) -> str:
        """Let it begin phase 1 with us, and serve the network until it is through. What swanctl has said."""
        return self._beside(shell, "--initiate", "--ike", "peer", "--timeout", str(int(seconds)))

    def terminate(self, shell: Shell) -> str:
        """Let it delete the SA."""
        return self._beside(shell, "--terminate", "--ike", "peer", "--timeout", "5")

    def authenticate_again(self, shell: Shell) -> str:
        """Let it make a new SA for the old one, which IKEv1 does by another phase 1."""
        return self._beside(shell, "--rekey", "--ike", "peer", "--reauth")

    def sas(self) -> list[dict[str, str]]:
        """Its SAs, each by what it says of it: ``state``, ``initiator-spi``, ``encr-alg``, ``remote-id``..."""
        # list-sa event {peer {uniqueid=1 version=1 state=ESTABLISHED ... child-sas {}}}
        return [
            dict(re.findall(r"([\w-]+)=(\S*?)(?=[ }]|$)", line))
            for line in self._ask("--list-sas", "--raw").splitlines()
            if line.startswith("list-sa event")
        ]

    def established(self) -> list[dict[str, str]]:
        """Those that phase 1 has finished."""
        return [sa for sa in self.sas() if sa["state"] == "ESTABLISHED"]

    def log(self) -> str:
        """What it has written down."""
        return (self._folder / "log").read_text(errors="replace")

    # -- how it is run ---------------------------------------------------------------------------------------

    def _settings(self, more: str) -> None:
        text = SETTINGS.format(plugins=PLUGINS, folder=self._folder, more=more)
        (self._folder / "strongswan.conf").write_text(text)

    def _certify(self, identity: str, method: AuthenticationMethod, authority: str) -> None:
        for folder, name, octets in (
            ("x509", "own.pem", certificate_of(identity, method, authority).public_bytes(Encoding.PEM)),
            ("x509ca", "ca.pem", certificate_of(AUTHORITY, method, AUTHORITY).public_bytes(Encoding.PEM)),
            (
                "private",
                "own.pem",
                key_of(identity, method).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            ),
        ):
            (self._folder / folder).mkdir()
            (self._folder / folder / name).write_bytes(octets)

    def _start(self) -> None:
        # Its process id goes to /run, for one charon at a time; a /run of its own does away with that.
        inside = f"mount -t tmpfs tmpfs /run && exec {find_charon()}"
        with (self._folder / "output").open("w") as output:
            self._process = self._network.start(
                *("far", "unshare", "-m", "sh", "-c", inside),
                stdout=output,
                stderr=output,
                env=self._environment(),
            )
        end_of_patience = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > end_of_patience:
                raise RuntimeError(f"charon does not start: {(self._folder / 'output').read_text()}")
            time.sleep(0.02)
        self._ask("--load-all", "--file", str(self._folder / "swanctl.conf"))

    def _listens(self) -> bool:
        """Whether its socket takes connections; the file is there a moment before."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self._folder / "vici")) == 0

    def _environment(self) -> dict[str, str]:
        own = {"STRONGSWAN_CONF": f"{self._folder}/strongswan.conf", "SWANCTL_DIR": str(self._folder)}
        return {**os.environ, **own}

    def _command(self, *arguments: str) -> list[str]:
        return ["swanctl", *arguments, "--uri", f"unix://{self._folder}/vici"]

    def _ask(self, *arguments: str) -> str:
        done = subprocess.run(
            self._command(*arguments),
            **self._options(),
            capture_output=True,
            timeout=ASK_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"swanctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return str(done.stdout)

    def _beside(self, shell: Shell, *arguments: str) -> str:
        process: subprocess.Popen[str] = subprocess.Popen(
            self._command(*arguments), **self._options(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return shell.run_beside(process, ASK_SECONDS)

    def _options(self) -> dict[str, Any]:
        return {"stdin": subprocess.DEVNULL, "text": True, "env": self._environment()}
