"""What must hold after every kill, of what was seen from outside and what the store has then.

The verdicts are `AssertionError`. What counts as seen: pushes on the wire, message 4 of a registration at the
member, answers of the control socket.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

from gsakmp.group.records import GroupState
from gsakmp.identities import Identity
from gsakmp.peers.events import Event, KeysInstalled, Registered
from tests.crash.wire import sequence_number_of, spi_of
from tests.loopback.players import Player

DEACTIVATION_DELAY = 10.0
"""DTD, seconds: how long a replaced data SA stays in the store (RFC 6407, 5.4.1)."""
RETIRED_REKEY_SECONDS = 60.0
"""How long a replaced Rekey SA stays there at least, unless 128 newer ones come."""
SLACK = 3.0
"""Seconds for everything that takes a while between a process and its neighbour."""

Key = bytes | tuple[bytes, bytes]


class Judge:
    """Sees what is seen, and compares it with the store."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        """Of the groups, by number."""
        self.counts: Counter[str] = Counter()
        self.inside: dict[Identity, int] = {}
        """Whose registration was completed, and its group; until it is told to leave, or put out."""
        self.out: dict[Identity, int] = {}
        """Whose eviction was acknowledged."""
        self._pushes: dict[bytes, tuple[int, bytes]] = {}  # new ones by digest, with their group
        self._digests: set[bytes] = set()  # of all that were ever heard
        self._sent: dict[tuple[bytes, int], bytes] = {}  # SPI and number: digest
        self._keys: dict[bytes, Key] = {}  # by SPI, everything that was ever seen anywhere
        self._spis: dict[Key, bytes] = {}
        self._fresh: list[tuple[int, bytes, Key, float]] = []  # what members were given since the last look
        self._promised: list[tuple[int, bytes, float]] = []  # SPIs of which the control socket spoke
        self._wrong: list[str] = []  # what does not need the store to be judged
        self._grants: list[tuple[int, tuple[int, ...], set[bytes]]] = []
        self._nonces: dict[tuple[bytes, int], int] = {}  # data SA and sender id: whose
        self._grant: dict[Identity, int] = {}
        self._unsent: set[tuple[bytes, int]] = set()
        self._numbers: dict[bytes, int] = {}  # sequence numbers at the last look
        self._retired: dict[bytes, float] = {}
        self._sender_ids: dict[int, tuple[int, set[bytes]]] = {}

    # -- what is seen --------------------------------------------------------------------------------------

    def push(self, group: int, octets: bytes) -> bool:
        """A push on the wire; whether it is a new one."""
        self.counts["pushes heard"] += 1
        digest = sha256(octets).digest()
        if digest in self._digests:
            return False
        self._digests.add(digest)
        spi_of(octets)
        self._pushes[digest] = group, octets
        return True

    def member(self, player: Player, event: Event, now: float) -> None:
        """A member tells something."""
        if isinstance(event, Registered):
            self.counts["registrations"] += 1
            self.inside[player.identity] = player.group
            self._grant[player.identity] = self.counts["registrations"]
            if player.member.group.sender_ids:
                self.counts["sender ids given"] += len(player.member.group.sender_ids)
                ids = player.member.group.sender_ids
                self._grants.append((player.group, ids, set(player.current_data)))
        if not isinstance(event, Registered | KeysInstalled):
            return
        given: dict[bytes, Key] = {**player.rekey, **player.current_data}
        for spi, key in given.items():
            if self._keys.get(spi) != key:
                self._fresh.append((player.group, spi, key, now))
        for spi in player.current_data:
            for sender_id in player.member.group.sender_ids:
                owner = self._nonces.setdefault((spi, sender_id), self._grant[player.identity])
                if owner != self._grant[player.identity]:
                    self._wrong.append(f"sender id {sender_id} was given twice for {spi.hex()}")

    def rekey_acknowledged(self, group: int, spis: list[str], now: float) -> None:
        """The control socket has answered with the SAs that there are now."""
        self.counts["rekeys acknowledged"] += 1
        self._promised += [(group, bytes.fromhex(spi), now) for spi in spis]

    def going(self, identity: Identity) -> None:
        """Told to leave, or to be put out: from now on both is right."""
        self.inside.pop(identity, None)

    def eviction_acknowledged(self, group: int, identity: Identity) -> None:
        """The control socket has answered."""
        self.counts["evictions acknowledged"] += 1
        self.out[identity] = group

    # -- what must hold ------------------------------------------------------------------------------------

    def look(self, states: dict[str, GroupState], now: float) -> None:
        """Compare with the store, as the next key server will find it. Raises `AssertionError`."""
        self.counts["looks into the store"] += 1
        assert not self._wrong, self._wrong
        for group, name in enumerate(self.names):
            state = states.get(name)
            if state is None:
                assert not self._seen_of(group), f"{name} is not in the store"
                continue
            self._look_at_keys(group, state)
            self._look_at_pushes(group, state, now)
            self._look_at_downloads(group, state, now)
            self._look_at_members(group, state)
            self._look_at_sender_ids(group, state)
        self._fresh.clear()
        self._promised.clear()
        self._grants.clear()

    def _seen_of(self, group: int) -> bool:
        return group in self.inside.values() or any(seen == group for seen, _ in self._pushes.values())

    def _look_at_keys(self, group: int, state: GroupState) -> None:
        """No SPI has two keys, no key two SPIs, no number goes back."""
        for spi, rekey in state.rekey_sas.items():
            self._same(spi, rekey.sa.key)
            before = self._numbers.get(spi, 0)
            assert rekey.sa.sequence_number >= before, f"{spi.hex()}: {rekey.sa.sequence_number} < {before}"
            self._numbers[spi] = rekey.sa.sequence_number
            if rekey.retired_at is not None:
                self._retired[spi] = rekey.retired_at
        for record in state.data_sas.values():
            self._same(record.sa.spi, (record.sa.algorithm_key, record.sa.integrity_key))

    def _same(self, spi: bytes, key: Key) -> None:
        self.counts["keys"] += spi not in self._keys
        assert self._keys.setdefault(spi, key) == key, f"{spi.hex()} has two keys"
        assert self._spis.setdefault(key, spi) == spi, f"{spi.hex()} has the key of {self._spis[key].hex()}"

    def _look_at_pushes(self, group: int, state: GroupState, now: float) -> None:
        """Each number was used once, and the store knows that it was."""
        for digest, (seen_in, octets) in list(self._pushes.items()):
            if seen_in != group:
                continue
            spi = spi_of(octets)
            held = state.rekey_sas.get(spi)
            if held is None:  # then it was replaced long ago
                gone = self._retired.get(spi)
                assert gone is not None, (
                    f"a push was sent under {spi.hex()}, of which the store knows nothing"
                )
                assert now - gone > RETIRED_REKEY_SECONDS - SLACK or len(state.rekey_sas) > 100, spi.hex()
            key = self._keys[spi]
            assert isinstance(key, bytes)
            number = sequence_number_of(octets, key)
            if held is not None:
                assert number <= held.sa.sequence_number, f"{number} was sent under {spi.hex()}, and is lost"
            used = self._sent.setdefault((spi, number), digest)
            assert used == digest, f"number {number} under {spi.hex()} was used twice, for different pushes"
            self.counts["pushes"] += 1
            del self._pushes[digest]
        for spi, record in state.rekey_sas.items():
            spent = {(spi, number) for number in range(1, 1 + record.sa.sequence_number)}
            self._unsent |= spent - self._sent.keys()
        self.counts["numbers spent, and never sent"] = len(self._unsent)

    def _look_at_downloads(self, group: int, state: GroupState, now: float) -> None:
        """What members were given is in the store, the very keys; so is what the control socket spoke of."""
        held: dict[bytes, Key] = {spi: record.sa.key for spi, record in state.rekey_sas.items()}
        for record in state.data_sas.values():
            held[record.sa.spi] = (record.sa.algorithm_key, record.sa.integrity_key)
        for seen_in, spi, key, at in self._fresh:
            if seen_in != group:
                continue
            self._same(spi, key)
            if spi in held or now - at < DEACTIVATION_DELAY - SLACK:
                assert held.get(spi) == key, f"a member was given {spi.hex()}, which is lost"
                self.counts["keys given, and found in the store"] += 1
        for seen_in, spi, at in self._promised:
            if seen_in == group and now - at < DEACTIVATION_DELAY - SLACK:
                assert spi in held, f"the control socket said {spi.hex()}, which is lost"

    def _look_at_members(self, group: int, state: GroupState) -> None:
        for identity in [one for one, where in self.inside.items() if where == group]:
            assert identity in state.members, f"{identity} completed its registration, which is lost"
            self.counts["members found in the store"] += 1
        for identity in [one for one, where in self.out.items() if where == group]:
            assert identity in state.excluded, f"{identity} was put out, which is lost"
            assert identity not in state.members, f"{identity} was put out, and is in"

    def _look_at_sender_ids(self, group: int, state: GroupState) -> None:
        """The counter is beyond what was given; it only goes back where every data SA is another one."""
        current = {record.sa.spi for record in state.data_sas.values() if record.retired_at is None}
        for seen_in, ids, spis in self._grants:
            if seen_in == group and spis & current:
                assert max(ids) < state.next_sender_id, f"sender id {max(ids)} was given, which is lost"
        before, of_these = self._sender_ids.get(group, (0, set()))
        if state.next_sender_id < before:
            assert not of_these & current, "sender ids begin anew, under data SAs that there were before"
            self.counts["sender ids begun anew"] += 1
        self._sender_ids[group] = state.next_sender_id, current
