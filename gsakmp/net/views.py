"""What engines tell about themselves, for the control socket and the metrics. Nothing here holds a key."""

from __future__ import annotations

from typing import Any

import msgspec

from gsakmp.group.member_types import HeldDataSAStatus, HeldRekeySAStatus, MembershipStatus
from gsakmp.group.server_tree import TreeView
from gsakmp.group.server_types import DataSAStatus, GroupStatus, RekeySAStatus
from gsakmp.net.metrics import GroupView, SAView, View
from gsakmp.peers.gcks import GCKS
from gsakmp.peers.member import Member

__all__ = ["gcks_view", "group_summary", "member_view", "tree_plain"]


def group_summary(status: GroupStatus) -> dict[str, Any]:
    """A group with its SAs as plain values; ``members`` is their number."""
    plain: dict[str, Any] = msgspec.to_builtins(status)
    return plain


def tree_plain(view: TreeView) -> dict[str, Any]:
    """A key tree as plain values: for each node its level and index, those of its parent, and whose it is."""
    return {
        "algorithm": view.algorithm,
        "members": view.members,
        "capacity": view.capacity,
        "complete": view.complete,
        "path": [list(place) for place in view.path],
        "nodes": [
            {
                "level": node.place[0],
                "index": node.place[1],
                "parent": None if node.parent is None else list(node.parent),
                "kind": node.kind,
                "id": node.wire_id,
                "handle": node.handle,
                "member": view.names.get(node.place, ""),
            }
            for node in view.nodes
        ],
    }


def gcks_view(gcks: GCKS, now: float, *, recording: bool = False) -> View:
    """A GCKS for its metrics."""
    status = gcks.status(now)
    return View(
        groups=tuple(gcks_group(server.status(now)) for server in gcks.groups.values()),
        isakmp_sas=status.isakmp_sas,
        retransmissions=status.retransmissions,
        refused=dict(status.refused),
        recording=recording,
    )


def gcks_group(status: GroupStatus) -> GroupView:
    return GroupView(
        name=status.name,
        identity=status.identity,
        members=status.members,
        rekeys_sent=status.rekeys_sent,
        acknowledgements=status.acknowledgements,
        sas=(*map(rekey_sa, status.rekey), *map(data_sa, status.data)),
    )


def rekey_sa(sa: RekeySAStatus) -> SAView:
    return SAView(
        kind="kek",
        spi=sa.spi,
        algorithm=f"{sa.encryption}-{sa.key_length} {sa.signature}",
        lifetime_seconds=sa.lifetime_seconds,
        remaining_seconds=sa.remaining_seconds,
        rekey_in_seconds=sa.rekey_in_seconds,
        sequence_number=sa.sequence_number,
    )


def data_sa(sa: DataSAStatus) -> SAView:
    parts = (sa.protocol, sa.transform, str(sa.key_length or ""), sa.integrity)
    return SAView(
        kind="tek",
        spi=sa.spi,
        algorithm=" ".join(part for part in parts if part),
        lifetime_seconds=sa.lifetime_seconds,
        remaining_seconds=sa.remaining_seconds,
        rekey_in_seconds=sa.rekey_in_seconds,
    )


def member_view(member: Member, now: float, *, recording: bool = False) -> View:
    """A member for its metrics."""
    status = member.status(now)
    membership: MembershipStatus = status.gsa
    group = GroupView(
        name=status.group,
        identity=status.group,
        rekeys_received=membership.rekeys,
        sas=(*map(held_rekey_sa, membership.rekey), *map(held_data_sa, membership.data)),
    )
    return View(
        groups=(group,),
        isakmp_sas=status.isakmp_sas,
        retransmissions=status.retransmissions,
        refused=dict(status.refused),
        registered=status.state == "registered",
        recording=recording,
    )


def held_rekey_sa(sa: HeldRekeySAStatus) -> SAView:
    return SAView(
        kind="kek",
        spi=sa.spi,
        algorithm=f"{sa.encryption} {sa.signature}",
        remaining_seconds=sa.remaining_seconds,
        sequence_number=sa.sequence_number,
    )


def held_data_sa(sa: HeldDataSAStatus) -> SAView:
    return SAView(
        kind="tek",
        spi=sa.spi,
        algorithm=" ".join(part for part in (sa.protocol, sa.cipher, sa.integrity) if part),
        remaining_seconds=sa.remaining_seconds,
    )
