"""Wireshark: a dissector in Lua, made from the same definitions as everything else.

::

    Path("gsakmp.lua").write_text(gsakmp.wireshark.dissector())
"""

from gsakmp.wireshark.dissector import dissector, filters
from gsakmp.wireshark.fields import Field

__all__ = ["Field", "dissector", "filters"]
