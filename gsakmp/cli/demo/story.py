"""The demo's story of a group that is rekeyed by push; each step waits until what it says has happened."""

from __future__ import annotations

from typing import Final

from gsakmp.cli.demo.stage import Stage, begin, spis
from gsakmp.group.rekey import Place
from gsakmp.group.rekey.drawing import pruned, to_text
from gsakmp.identities import Identity

__all__ = ["Story"]

GSA: Final = """\
A group's keys form a GSA, a group security association: SAs of three categories.
  SA1  registration  one for each member, with the key server alone; brings the other two
  SA2  rekey         from the key server to all members at once, by multicast: brings new keys
  SA3  data          what senders protect and receivers read, by multicast
An SA goes by its SPI, a number that stands in each packet under it: here in hexadecimal."""

EVICTION: Final = {
    "flat": "So the new SA2 goes to each remaining member under that member's own key, and the new SA3 "
    "under the new SA2: carol hears both and opens neither.",
    "lkh": "The key server keeps a tree of keys (LKH, RFC 2627), and each member has those on the way from "
    "its leaf to the root, which is SA2's key. All that carol has are replaced or dropped, and the new ones "
    "go out under keys that she has not; the new SA3 goes out under the new SA2. So she hears both pushes "
    "and opens neither.",
    "oft": "The key server keeps a one-way function tree (OFT): each member computes the keys above its "
    "leaf, up to SA2's key at the root, from its own and from the blinded keys beside the way. Those that "
    "carol had a part in change, and go to the others under keys that she has not; the new SA3 goes out "
    "under the new SA2. So she hears both pushes and opens neither.",
}
"""How each rekey algorithm leaves somebody out."""


class Story(Stage):
    """A key server, alice, bob and carol; later dave."""

    async def play(self) -> None:
        """See `Stage.play`."""
        self.teller.section("gsakmp demo: the group 'video', on loopback", GSA)
        begin(self.gcks)
        await self._registration()
        await self._rekey()
        await self._eviction()
        await self._latecomer()

    async def _registration(self) -> None:
        self.teller.section(
            "1. Three members register",
            "Each proves who it is and agrees on SA1 (IKEv1 phase 1), and under SA1 pulls the group's policy "
            "and keys: SA2 and SA3 (GROUPKEY-PULL). A sender id of its own keeps its packets distinct from "
            "others' under the one key of SA3. With each that joins, this group replaces SA2 and SA3 for "
            "all (see 4): so only the last ones count.",
        )
        for name in ("alice", "carol", "bob"):  # carol between the others in a key tree
            await self._join(name)
        await self._frame("alice", "frame 1")

    async def _rekey(self) -> None:
        self.teller.section(
            "2. The group is rekeyed",
            "Nobody registers again: the key server multicasts two signed messages (GROUPKEY-PUSH). The "
            "first, under the old SA2, replaces SA2; the second, under the new one, replaces SA3. Members "
            "acknowledge.",
        )
        await self._pushes("the rekey", lambda now: self._server.rekey("video", now), self.members.values())
        await self._frame("alice", "frame 2")

    async def _eviction(self) -> None:
        self.teller.section(
            "3. carol is evicted (forward rekey)",
            "She must not read what follows, but holds the present SA2 and hears every multicast. "
            + EVICTION[self.rekey],
        )
        before = self._handles()
        carol = Identity.from_text("fqdn:carol.demo")
        staying = [player for name, player in self.members.items() if name != "carol"]
        await self._pushes("carol's eviction", lambda now: self._server.evict("video", carol, now), staying)
        held = {sa.spi for sa in self.members["carol"].member.group.gsa.data}
        self.teller.line(
            "carol", f"hears the pushes, holds only {spis(held)} still, and can't register again"
        )
        self._show_tree(before)
        await self._frame("bob", "frame 3")

    async def _latecomer(self) -> None:
        self.teller.section(
            "4. dave joins late (backward rekey)",
            "He must not read what went before, not even with a recording of all that was sent. So for him "
            "SA2 is replaced first: he is given the new one, the others get it under the old one. Then a "
            "push under it replaces SA3 for all.",
        )
        recorded = self.members["bob"].traffic.heard[-1] if self.members["bob"].traffic else b""
        await self._join("dave")
        await self._frame("dave", "frame 4")
        traffic = self.members["dave"].traffic
        if traffic is not None and traffic.read(recorded) is None:
            self._seen[-2].append("can't")
            self.teller.line(
                "dave", "has recorded frame 3 as it went by, and can't read it with what he holds"
            )

    def _show_tree(self, before: dict[Place, int]) -> None:
        """The key tree as it is now, and which keys are new."""
        view = self._server.group("video").tree()
        now = self._handles()
        changed = [place for place, handle in now.items() if handle and before.get(place) != handle]
        if self.rekey != "lkh" or (picture := pruned(view.nodes, labels=view.names, changed=changed)) is None:
            return
        for line in to_text(picture).splitlines():
            self.teller.drawing(line)

    def _handles(self) -> dict[Place, int]:
        """What tells each node's key from those before."""
        return {node.place: node.handle for node in self._server.group("video").tree().nodes}
