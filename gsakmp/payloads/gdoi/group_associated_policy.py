"""The Group Associated Policy payload (RFC 6407, 5.4)."""

from typing import Annotated

from gsakmp.registries import PayloadType
from gsakmp.wire import Attribute, Attributes, Payload

__all__ = ["GroupAssociatedPolicy"]


class GroupAssociatedPolicy(
    Payload,
    kind=PayloadType.GROUP_ASSOCIATED_POLICY,
    spec="RFC 6407, 5.4",
    title="Group Associated Policy (GAP)",
):
    """Policy that belongs to no single SA: when to activate and deactivate, sender ids that a member wants.

    It stands among the SA attributes, or in message 3 of GROUPKEY-PULL.
    """

    attributes: Annotated[tuple[Attribute, ...], Attributes("GAP"), "policy attributes"] = ()
