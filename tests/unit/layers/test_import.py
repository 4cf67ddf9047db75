"""What an import brings: scapy only here, and no name that scapy has already."""

import subprocess
import sys

STAR = """
from scapy.all import *
before = dict(globals())
from gsakmp.layers import *
import gsakmp.layers
clashes = [name for name in gsakmp.layers.__all__ if name in before]
assert not clashes, clashes
packet = IP(dst="192.0.2.1") / UDP() / Header(exchange_type="GROUPKEY_PULL") / Nonce(nonce_data=b"12345678")
assert IP(bytes(packet))[Nonce].nonce_data == b"12345678"
assert IP(bytes(packet))[UDP].dport == 848
assert ls(Proposal) is None and fuzz(packet) and message_of(packet).payloads
"""


def run(code: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_library_imports_no_scapy() -> None:
    code = (
        "import sys, gsakmp, gsakmp.payloads; print([m for m in sys.modules if m.split('.')[0] == 'scapy'])"
    )
    assert run(code).strip() == "[]"


def test_a_star_import_beside_scapys() -> None:
    assert "protocol_id" in run(STAR)
