"""GDOI's KD payload, read against the SA payload before it (RFC 6407, 5.6): keys matched to SAs by SPI."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from gsakmp.crypto import KEK, kek_cipher, key_length, public_key, push_signature
from gsakmp.errors import ConfigurationError, DecodeError
from gsakmp.group.attribute_values import read_number, read_octets, read_values, refused, within
from gsakmp.group.offers import OfferedGSA, key_sizes
from gsakmp.group.period_packets import PERIOD_TYPES, GrantedPeriods, read_period_packet
from gsakmp.group.rekey import download_types
from gsakmp.group.sa import GSA, DataSA, RekeySA, RekeySuite
from gsakmp.payloads import KeyDownload, KeyPacket, LKHDownloadArray, LKHUpdateArray
from gsakmp.registries import KEKKeyAttribute, KeyDownloadType, LKHKeyAttribute, SIDAttribute, TEKKeyAttribute

__all__ = ["Downloaded", "read_key_download"]

SENDER_ID_BITS: Final = (8, 12, 16)
"""RFC 6054, 3: the lengths that everybody supports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What a KD payload brings to the SAs of an `OfferedGSA`."""

    gsa: GSA
    """The SAs that got keys. A Rekey SA whose key the rekey algorithm finds has an empty one still, and an
    empty signature key where its predecessor's goes on."""
    sender_id_bits: int = 0
    """0 without sender ids."""
    sender_ids: tuple[int, ...] = ()
    periods: tuple[GrantedPeriods, ...] = ()
    """The SAs whose keys go by periods, and which of those came. They are not in `gsa`."""
    rekey_packets: tuple[KeyPacket, ...] = field(default=(), repr=False)
    """The rekey algorithm's key packet, of LKH or a private type, for `gsakmp.group.rekey.MemberKeys`."""


def read_key_download(
    payload: KeyDownload, offered: OfferedGSA, *, partial: bool = False, push: bool = False
) -> Downloaded:
    """The keys of a KD, matched by SPI to the SAs that were offered (5.6).

    Every SA has its keys, of the sizes that its algorithms take; none has them twice, and there are none for
    anything else. With `partial` SAs may lack keys, and are left out of the result; and the public key may be
    missing, where the last one goes on. With `push`, sender ids are refused (5.6.4).

    Raises `DecodeError` and `PolicyRefused`, whose text starts with the place.
    """
    reader = _KeyReader(offered, push)
    for index, packet in enumerate(payload.key_packets):
        reader.take(packet, f"key_packets[{index}]")
    return reader.finish(partial)


class _KeyReader:
    """Takes one key packet after the other."""

    def __init__(self, offered: OfferedGSA, push: bool) -> None:
        self.offered = offered
        self.push = push
        self.rekey = offered.gsa.rekey[0] if offered.gsa.rekey else None
        self.data = {sa.spi: sa for sa in offered.gsa.data}
        self.keyed: dict[bytes, DataSA] = {}
        self.periods: dict[bytes, GrantedPeriods] = {}
        self.kek = b""
        self.signature_key = b""
        self.seen: set[int] = set()
        self.algorithm: tuple[KeyPacket, ...] = ()
        self.root = b""
        self.bits = 0
        self.ids: tuple[int, ...] = ()

    def take(self, packet: KeyPacket, path: str) -> None:
        kind = packet.kd_type
        if kind == KeyDownloadType.TEK:
            self._tek(packet, path)
            return
        if kind in PERIOD_TYPES:
            self._periods(packet, path)
            return
        algorithms = download_types()
        if kind not in _ONCE and kind not in algorithms:
            raise refused(path, f"{kind!r} is not supported")
        if kind in self.seen:
            raise DecodeError(f"a second key packet of type {kind.name} (RFC 6407, 5.6)", path)
        if kind in algorithms and self.algorithm:
            raise DecodeError("key packets of two rekey algorithms", path)
        self.seen.add(kind)
        if kind == KeyDownloadType.KEK:
            self._kek(packet, path)
        elif kind == KeyDownloadType.SID:
            self._sid(packet, path)
        elif kind == KeyDownloadType.LKH:
            self._lkh(packet, path)
        else:
            self._suite(packet, path)  # what is in it is the algorithm's business
            self.algorithm = (packet,)

    def finish(self, partial: bool) -> Downloaded:
        rekey = self._finished_rekey(partial)
        data = tuple(self.keyed[spi] for spi in self.data if spi in self.keyed)
        if not partial and len(data) + len(self.periods) != len(self.data):
            missing = next(spi for spi in self.data if spi not in self.keyed and spi not in self.periods)
            raise DecodeError(f"no keys for the data SA {missing.hex()}", "key_packets")
        return Downloaded(
            gsa=GSA(rekey=rekey, data=data),
            sender_id_bits=self.bits,
            sender_ids=self.ids,
            periods=tuple(self.periods[spi] for spi in self.data if spi in self.periods),
            rekey_packets=self.algorithm,
        )

    def _finished_rekey(self, partial: bool) -> tuple[RekeySA, ...]:
        if self.rekey is None:
            return ()
        if self.kek and self.root and self.kek != self.root:
            raise DecodeError("the KEK is not the last key of the LKH array", "key_packets")
        key = self.kek or self.root
        if not key and not self.algorithm:
            if partial:
                return ()
            raise DecodeError("no key for the Rekey SA", "key_packets")
        if not self.signature_key and key and not partial:
            raise DecodeError("no SIG_ALGORITHM_KEY for the Rekey SA (RFC 6407, 5.6.2)", "key_packets")
        return (replace(self.rekey, key=key, signature_key=self.signature_key),)

    def _offered(self, packet: KeyPacket, path: str) -> DataSA:
        sa = self.data.get(packet.spi)
        if sa is None:
            raise DecodeError(f"keys for {packet.spi.hex()}, which no SA TEK offers", f"{path}.spi")
        if packet.spi in self.keyed or packet.spi in self.periods:
            raise DecodeError(f"keys for {packet.spi.hex()} a second time", f"{path}.spi")
        return sa

    def _periods(self, packet: KeyPacket, path: str) -> None:
        if self.push:
            raise DecodeError("keys by periods in a push, which all members can read", path)
        sa = self._offered(packet, path)
        with within(path):
            sizes = key_sizes(sa, self.offered.allow_weak)
        self.periods[packet.spi] = read_period_packet(packet, sa, sizes, f"{path}.attributes")

    def _tek(self, packet: KeyPacket, path: str) -> None:
        sa = self._offered(packet, path)
        values = read_values(
            packet.attributes,
            TEKKeyAttribute,
            f"{path}.attributes",
            {TEKKeyAttribute.TEK_SOURCE_AUTH_KEY},
            octets=True,
        )
        algorithm = values.get(TEKKeyAttribute.TEK_ALGORITHM_KEY, b"")
        integrity = values.get(TEKKeyAttribute.TEK_INTEGRITY_KEY, b"")
        with within(f"{path}.attributes"):
            key_sizes(sa, self.offered.allow_weak).check(algorithm, integrity)
        self.keyed[packet.spi] = replace(sa, algorithm_key=algorithm, integrity_key=integrity)

    def _suite(self, packet: KeyPacket, path: str) -> RekeySuite:
        """The suite of the Rekey SA that the packet is for. Raises `DecodeError` for another SPI."""
        sa = self.rekey
        if sa is None:
            raise DecodeError("keys for a Rekey SA, which no SA KEK offers", path)
        if packet.spi != sa.spi and not self.offered.dialect.kd_may_name_old_spi:
            raise DecodeError(f"keys for {packet.spi.hex()}, which no SA KEK offers", f"{path}.spi")
        return sa.suite

    def _kek(self, packet: KeyPacket, path: str) -> None:
        suite = self._suite(packet, path)
        path = f"{path}.attributes"
        values = read_values(packet.attributes, KEKKeyAttribute, path, octets=True)
        if KEKKeyAttribute.KEK_ALGORITHM_KEY not in values:
            raise DecodeError("no KEK_ALGORITHM_KEY (RFC 6407, 5.6.2)", path)
        self.kek = self._checked_kek(suite, values[KEKKeyAttribute.KEK_ALGORITHM_KEY], path)
        self._take_signature_key(suite, values.get(KEKKeyAttribute.SIG_ALGORITHM_KEY), path)

    def _lkh(self, packet: KeyPacket, path: str) -> None:
        suite = self._suite(packet, path)
        path = f"{path}.attributes"
        update = LKHKeyAttribute.LKH_UPDATE_ARRAY
        updates = [a for a in packet.attributes if a.type == update]
        values = read_values([a for a in packet.attributes if a.type != update], LKHKeyAttribute, path)
        download = values.get(LKHKeyAttribute.LKH_DOWNLOAD_ARRAY)
        if not all(isinstance(a.value, LKHUpdateArray) for a in updates) or (download is None) != bool(
            updates
        ):
            raise DecodeError("an LKH key packet has a download array or update arrays", path)
        if download is not None:
            if not isinstance(download, LKHDownloadArray) or not download.lkh_keys:
                raise DecodeError("an LKH_DOWNLOAD_ARRAY without keys", path)
            # The last key of the array is the group KEK (RFC 6407, 3.3).
            self.root = self._checked_kek(suite, download.lkh_keys[-1].key_data, path)
        key = values.get(LKHKeyAttribute.SIG_ALGORITHM_KEY)
        self._take_signature_key(suite, None if key is None else read_octets(key, path), path)
        self.algorithm = (packet,)

    def _checked_kek(self, suite: RekeySuite, octets: bytes, path: str) -> bytes:
        with within(path):
            cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=self.offered.allow_weak)
            KEK.parse(cipher, octets)
        return octets

    def _take_signature_key(self, suite: RekeySuite, octets: bytes | None, path: str) -> None:
        """Raises `DecodeError` for a public key of another kind or length than the SA KEK says."""
        if octets is None:
            return
        if self.signature_key and self.signature_key != octets:
            raise DecodeError("two different SIG_ALGORITHM_KEYs", path)
        allow_weak = self.offered.allow_weak
        with within(path):
            key = public_key(octets, allow_weak=allow_weak)
            scheme = push_signature(suite.signature, suite.signature_hash, allow_weak=allow_weak)
        try:
            scheme.size(key)
        except ConfigurationError as error:
            raise DecodeError(f"SIG_ALGORITHM_KEY: {error}", path) from None
        if suite.signature_key_length not in (0, key_length(key)):
            raise DecodeError(
                f"SIG_ALGORITHM_KEY has {key_length(key)} bits, SIG_KEY_LENGTH says "
                f"{suite.signature_key_length}",
                path,
            )
        self.signature_key = octets

    def _sid(self, packet: KeyPacket, path: str) -> None:
        if self.push:
            raise DecodeError("sender ids MUST NOT come by push (RFC 6407, 5.6.4)", path)
        if packet.spi:
            raise DecodeError("a SID key packet has no SPI (RFC 6407, 5.6.4)", f"{path}.spi")
        path = f"{path}.attributes"
        number = SIDAttribute.SID_VALUE
        values = read_values([a for a in packet.attributes if a.type != number], SIDAttribute, path)
        bits = values.get(SIDAttribute.NUMBER_OF_SID_BITS)
        if bits not in SENDER_ID_BITS:
            raise refused(path, f"sender ids of {bits} bits; 8, 12 and 16 are taken (RFC 6054, 3)")
        ids = [read_number(a.value, (1 << bits) - 1, path) for a in packet.attributes if a.type == number]
        if not ids or len(set(ids)) != len(ids):
            raise DecodeError("no SID_VALUE, or one twice (RFC 6407, 5.6.4)", path)
        self.bits, self.ids = bits, tuple(ids)


_ONCE: Final = frozenset({KeyDownloadType.KEK, KeyDownloadType.SID})
