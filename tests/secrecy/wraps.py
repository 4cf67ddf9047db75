"""Who can know which KEK where keys are wrapped under keys: flat and LKH.

A wrap opens with one key, so what a coalition knows is what its people know one by one, and the model is a
graph: from a key to each that some ciphertext gives to who has it. A push's own encryption is an edge from
the old KEK, and nothing is hidden by it but a new KEK that a push says in plain.

The definition (RFC 2627, 5; RFC 6407, 1.4.5.2 and 4.2): whoever is a member in a KEK's time knows it, and nobody
else ever learns it, be it all past and all future members together. The exception: who joins without backward
rekey is given the keys of its path as they are; so it can read the KEKs from when the oldest of them was made.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from gsakmp.payloads import KeyPacket, LKHDownloadArray, LKHUpdateArray
from tests.secrecy.opening import Ciphertexts, Truth
from tests.secrecy.world import Broken, Packets, Record, Snapshot, Stint

Times = dict[bytes, int]
"""Keys, and when each became known."""


class Wraps:
    """What follows from which key, by a record of all that was sent."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.size = record.cipher.block_size + record.cipher.key_size
        given = {key for stint in record.stints for gift in stint.gifts for key in keys_in(gift.packets)}
        given |= {key for snapshot in record.snapshots for key in keys_of(snapshot)}
        given |= {epoch.kek for epoch in record.epochs}
        self.truth = Truth((octets for _, octets in record.draws), given | self._named(given))
        self.edges = self._edges()

    def _named(self, given: set[bytes]) -> set[bytes]:
        """Keys that are reached by following names alone, should there be some that nobody drew."""
        named = {
            (key.lkh_id, key.key_handle): key.key_data
            for stint in self.record.stints
            for gift in stint.gifts
            for array in arrays(gift.packets, LKHDownloadArray)
            for key in array.lkh_keys
        }
        for sent in self.record.sent:
            for array in arrays(sent.packets, LKHUpdateArray):
                under = named.get((array.lkh_id, array.key_handle))
                for key in array.lkh_keys:
                    if under is None:
                        break
                    ((_, plain),) = Ciphertexts([key.key_data]).opened(under)
                    under = named[key.lkh_id, key.key_handle] = plain[: self.size]
        return set(named.values()) - given

    def _edges(self) -> dict[bytes, list[tuple[bytes, int]]]:
        times: dict[bytes, int] = {}
        edges: dict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
        for sent in self.record.sent:
            for array in arrays(sent.packets, LKHUpdateArray):
                for key in array.lkh_keys:
                    times.setdefault(key.key_data, sent.clock)
            for octets in plain_keys(sent.packets):
                edges[sent.kek].append((octets, sent.clock))
        texts = Ciphertexts(times)
        for key in self._candidates():
            for text, plain in texts.opened(key):
                octets = plain[: self.size]
                if octets in self.truth and octets != key:
                    edges[key].append((octets, times[text]))
        return edges

    def _candidates(self) -> set[bytes]:
        """Every key that there was: the given ones, and the cuts of what was drawn at multiples of a key."""
        size = self.size
        cuts = {
            octets[at : at + size]
            for _, octets in self.record.draws
            for at in range(0, len(octets) - size + 1, size)
        }
        return cuts | {one for one in self.truth.known if len(one) == size}

    def known(self, given: Iterable[tuple[bytes, int]]) -> Times:
        """What follows from keys that were given at times, and when each is known at the earliest."""
        times: Times = {}
        queue = [(clock, octets) for octets, clock in given]
        heapq.heapify(queue)
        while queue:
            clock, octets = heapq.heappop(queue)
            if octets in times:
                continue
            times[octets] = clock
            for found, sent in self.edges.get(octets, ()):
                if found not in times:
                    heapq.heappush(queue, (max(clock, sent), found))
        return times

    def born(self, octets: bytes) -> int:
        """When a key was made."""
        return next((clock for clock, drawn in self.record.draws if octets in drawn), self.record.clock)


def audit(record: Record) -> None:
    """Raises `Broken` for a member that can't know a KEK of its time when it is in force, and for anybody who
    ever can know a KEK of another time, or another key that was in use then."""
    wraps = Wraps(record)
    in_use = [(snapshot.epoch, set(keys_of(snapshot))) for snapshot in record.snapshots]
    for stint in record.stints:
        times = wraps.known(gifts_of(stint))
        start = readable_from(record, wraps, stint)
        check_epochs(record, stint, times, start)
        for epoch, keys in in_use:
            if not stint.within(epoch) and not start <= epoch < stint.first and keys & times.keys():
                raise Broken(f"{stint} knows {len(keys & times.keys())} keys of the time of KEK {epoch}")


def check_epochs(record: Record, stint: Stint, times: Mapping[bytes, int], start: int) -> None:
    for number, epoch in enumerate(record.epochs):
        when = times.get(epoch.kek)
        began = max(epoch.clock, stint.gifts[0].clock)
        if stint.owed and stint.within(number) and (when is None or when > began):
            raise Broken(f"{stint} can't know KEK {number} in its time")
        if when is not None and not stint.within(number) and not start <= number < stint.first:
            raise Broken(f"{stint} can know KEK {number}")


def readable_from(record: Record, wraps: Wraps, stint: Stint) -> int:
    """The first epoch that the definition lets a member read."""
    if stint.backward:
        return stint.first
    first = stint.gifts[0]
    births = [wraps.born(key) for key in (first.kek, *keys_in(first.packets))]
    return min(stint.first, record.epoch_at(min(births)))


def gifts_of(stint: Stint) -> Iterator[tuple[bytes, int]]:
    for gift in stint.gifts:
        yield gift.kek, gift.clock
        for key in keys_in(gift.packets):
            yield key, gift.clock


def keys_of(snapshot: Snapshot) -> Iterator[bytes]:
    for packets in snapshot.given.values():
        yield from keys_in(packets)


def keys_in(packets: Packets) -> Iterator[bytes]:
    """The keys of download arrays."""
    for array in arrays(packets, LKHDownloadArray):
        for key in array.lkh_keys:
            yield key.key_data


def plain_keys(packets: Packets) -> Iterator[bytes]:
    """Keys that are not wrapped but by the push itself."""
    yield from plain_keks(packets)
    yield from keys_in(packets)


def plain_keks(packets: Packets) -> Iterator[bytes]:
    """KEK_ALGORITHM_KEY (RFC 6407, 5.6.2.1)."""
    for packet in packets:
        if packet.kd_type == 2:
            yield from (one.value for one in packet.attributes if one.type == 1)


def arrays(packets: Iterable[KeyPacket], kind: type) -> Iterator:
    for packet in packets:
        for attribute in packet.attributes:
            if isinstance(attribute.value, kind):
                yield attribute.value
