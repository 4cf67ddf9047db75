"""The Attributes payload of mode-config and XAUTH (draft-dukes-ike-mode-cfg-02, 3.2)."""

from typing import Annotated

from gsakmp.registries import ModeConfigType, PayloadType
from gsakmp.wire import Attribute, Attributes, Code, Int8ub, Int16ub, Payload

__all__ = ["ConfigurationAttributes"]


class ConfigurationAttributes(
    Payload, kind=PayloadType.ATTRIBUTES, spec="draft-dukes-ike-mode-cfg-02, 3.2", title="Attributes"
):
    """What a gateway and a remote host tell each other after phase 1: addresses, names, passwords."""

    configuration_type: Annotated[ModeConfigType, Code(Int8ub, ModeConfigType), "request, reply, set or ack"]
    reserved2: Annotated[int, Int8ub, "zero"] = 0
    identifier: Annotated[int, Int16ub, "the same in request and reply"] = 0
    attributes: Annotated[tuple[Attribute, ...], Attributes("mode-config"), "asked for, or given"] = ()
