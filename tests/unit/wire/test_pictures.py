"""The pictures, held against the RFCs' own figures, which are transcribed here by hand.

Both are read by `boxes`, which knows only what such a figure looks like: a rule of ``+-+-`` between rows, two
columns a bit, and ``!``, ``|`` or ``~`` at the edges of a field.
"""

from itertools import pairwise
from typing import Annotated

import pytest

from gsakmp import STANDARD
from gsakmp.payloads import (
    ESPTEK,
    SA,
    SAKEK,
    GroupSA,
    Header,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    LKHUpdateArray,
    Proposal,
    SequenceNumber,
    Transform,
    VendorID,
)
from gsakmp.wire import Auto, Bits, Bytes, Element, If, Int8ub, Int32ub, Payload, Rebuild, len_, this
from gsakmp.wire.pictures import cells, diagram, field_rows, table

EDGES = "!|~"
RULE = "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+"

HEADER = """
    !                          Initiator                            !
    !                            Cookie                             !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !                          Responder                            !
    !                            Cookie                             !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !  Next Payload ! MjVer ! MnVer ! Exchange Type !     Flags     !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !                          Message ID                           !
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    !                            Length                             !
"""
GENERIC = """
     ! Next Payload  !   RESERVED    !         Payload Length        !
"""
SECURITY_ASSOCIATION = """
     ! Next Payload  !   RESERVED    !         Payload Length        !
     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
     !              Domain of Interpretation  (DOI)                  !
     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
     !                                                               !
     ~                           Situation                           ~
     !                                                               !
"""
PROPOSAL = """
     ! Next Payload  !   RESERVED    !         Payload Length        !
     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
     !  Proposal #   !  Protocol-Id  !    SPI Size   !# of Transforms!
     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
     !                        SPI (variable)                         !
"""
TRANSFORM = """
     ! Next Payload  !   RESERVED    !         Payload Length        !
     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
     !  Transform #  !  Transform-Id !           RESERVED2           !
     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
     !                                                               !
     ~                        SA Attributes                          ~
     !                                                               !
"""
GROUP_SA = """
      ! Next Payload  !   RESERVED    !         Payload Length        !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                              DOI                              !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !                           Situation                           !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ! SA Attribute Next Payload     !          RESERVED2            !
"""
SA_KEK = """
      ! Next Payload  !   RESERVED    !         Payload Length        !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !    Protocol   !  SRC ID Type  !         SRC ID Port           !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !SRC ID Data Len!          SRC Identification Data              ~
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ! DST ID Type   !         DST ID Port           !DST ID Data Len!
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !                    DST Identification Data                    ~
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !                                                               !
      ~                              SPI                              ~
      !                                                               !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !                           RESERVED2                           !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ~                        KEK Attributes                         ~
"""
ESP_TEK = """
      !    Protocol   !  SRC ID Type  !         SRC ID Port           !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !SRC ID Data Len!          SRC Identification Data              ~
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ! DST ID Type   !         DST ID Port           !DST ID Data Len!
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ! DST Identification Data                                       ~
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ! Transform ID  !                        SPI                    !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      !      SPI      !       RFC 2407 SA Attributes                  ~
"""
KEY_DOWNLOAD = """
      ! Next Payload  !   RESERVED    !         Payload Length        !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ! Number of Key Packets         !            RESERVED2          !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-!
      ~                    Key Packets                                ~
"""
LKH_DOWNLOAD = """
      !  LKH Version  !          # of LKH Keys        !  RESERVED     !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                             LKH Keys                          !
      ~                                                               ~
"""
LKH_UPDATE = """
      !  LKH Version  !          # of LKH Keys        !  RESERVED     !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !            LKH ID             !           RESERVED2           !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                           Key Handle                          !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                            LKH Keys                           !
      ~                                                               ~
"""
LKH_KEY = """
      !             LKH ID            !    Key Type   !    RESERVED   !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                        Key Creation Date                      !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                       Key Expiration Date                     !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                           Key Handle                          !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                                                               !
      ~                            Key Data                           ~
"""
SEQUENCE = """
      ! Next Payload  !   RESERVED    !         Payload Length        !
      +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
      !                      Sequence Number                          !
"""

RENAMED = {
    # The RFCs' word for a field, and ours, where they differ.
    "MjVer": "Major Version",
    "MnVer": "Minor Version",
    "Length": "Message Length",
    "Domain of Interpretation (DOI)": "DOI",
    "Proposal #": "Proposal Number",
    "Protocol-Id": "Protocol ID",
    "# of Transforms": "Transform Count",
    "SPI (variable)": "SPI",
    "Transform #": "Transform Number",
    "Transform-Id": "Transform ID",
    "SA Attributes": "Attributes",
    "KEK Attributes": "Attributes",
    "RFC 2407 SA Attributes": "Attributes",
    "SRC ID Type": "Source ID Type",
    "SRC ID Port": "Source ID Port",
    "SRC ID Data Len": "Source ID Data Length",
    "SRC Identification Data": "Source ID Data",
    "DST ID Type": "Destination ID Type",
    "DST ID Port": "Destination ID Port",
    "DST ID Data Len": "Destination ID Data Length",
    "DST Identification Data": "Destination ID Data",
    "Number of Key Packets": "Key Packet Count",
    "# of LKH Keys": "LKH Key Count",
}

FIGURES = {
    "RFC 2408, 3.1": (HEADER, Header),
    "RFC 2408, 3.2": (GENERIC, VendorID),
    "RFC 2408, 3.4": (SECURITY_ASSOCIATION, SA),
    "RFC 2408, 3.5": (PROPOSAL, Proposal),
    "RFC 2408, 3.6": (TRANSFORM, Transform),
    "RFC 6407, 5.2": (GROUP_SA, GroupSA),
    "RFC 6407, 5.3": (SA_KEK, SAKEK),
    "RFC 6407, 5.5.1": (ESP_TEK, ESPTEK),
    "RFC 6407, 5.6": (KEY_DOWNLOAD, KeyDownload),
    "RFC 6407, 5.6.3.1": (LKH_DOWNLOAD, LKHDownloadArray),
    "RFC 6407, 5.6.3.1, key": (LKH_KEY, LKHKey),
    "RFC 6407, 5.6.3.2": (LKH_UPDATE, LKHUpdateArray),
    "RFC 6407, 5.7": (SEQUENCE, SequenceNumber),
}


def boxes(figure: str) -> list[tuple[str, int, int]]:
    """Label, first and last bit of every box of a figure, in reading order."""
    out: list[tuple[str, int, int]] = []
    rows: list[list[str]] = [[]]
    for line in (line.strip() for line in figure.strip("\n").splitlines()):
        if line.startswith("+-"):
            rows.append([])
        else:
            rows[-1].append(line)
    for lines in filter(None, rows):
        edges = sorted({place for line in lines for place, letter in enumerate(line) if letter in EDGES})
        assert all(place % 2 == 0 for place in edges), lines
        for left, right in pairwise(edges):
            words = " ".join(line[left + 1 : right].strip(" +") for line in lines)
            out.append((" ".join(words.split()), left // 2, right // 2 - 1))
    return out


def drawn(cls: type) -> list[tuple[str, int, int]]:
    ruler, bits, *rest = diagram(cls, STANDARD).splitlines()
    assert ruler == " 0                   1                   2                   3"
    assert bits.split() == [str(bit % 10) for bit in range(32)]
    return boxes("\n".join(rest))


@pytest.mark.parametrize("section", FIGURES)
def test_the_fields_stand_where_the_rfc_draws_them(section: str) -> None:
    figure, cls = FIGURES[section]
    wanted = [(RENAMED.get(label, label), first, last) for label, first, last in boxes(figure)]
    # Some figures end where the parts begin that our diagram goes on to show (proposals, transforms).
    found = drawn(cls)
    assert found[: len(wanted)] == wanted
    assert {label for label, _, _ in found[len(wanted) :]} <= {
        "Vendor ID",
        "Labeled Domain (if situation & 6)",
        "Secrecy (if situation & 2)",
        "Integrity (if situation & 4)",
        "Proposals",
        "Transforms",
        "SA Attributes",
    }


def test_the_reader_of_figures_sees_a_shifted_edge() -> None:
    shifted = PROPOSAL.replace("!  Proposal #   !  Protocol-Id  !", "!  Proposal # !  Protocol-Id    !")
    assert boxes(shifted) != boxes(PROPOSAL)


def test_a_key_packet_as_figure_10_of_rfc_6407_has_it() -> None:
    # KD Type and Reserved of 8 bits, KD Length of 16; SPI Size of 8, the SPI to the row's end; attributes.
    assert drawn(KeyPacket) == [
        ("KD Type", 0, 7),
        ("RESERVED", 8, 15),
        ("KD Length", 16, 31),
        ("SPI Size", 0, 7),
        ("SPI", 8, 31),
        ("Attributes", 0, 31),
    ]


# -- what no RFC draws -------------------------------------------------------------------------------


class Odd(Element, spec="none", title="Odd"):
    """Bits, a field across a row, a long one, and one under a condition."""

    urgent: Annotated[int, Bits(1), "now"]
    confirmed_twice: Annotated[int, Bits(1), "sure"]
    level: Annotated[int, Bits(6), "how much"]
    across: Annotated[int, Int32ub, "32 bits from bit 8"]
    rank: Annotated[int, Int8ub, "8 bits"]
    more: Annotated[int | None, If(this.urgent, Int8ub), "when urgent"] = None
    long: Annotated[bytes, Bytes(40), "ten rows"] = bytes(40)
    name_size: Annotated[Auto, Rebuild(Int8ub, len_(this.name_text)), "octets"] = None
    name_text: Annotated[bytes, Bytes(this.name_size), "a name"] = b""


def test_the_whole_picture_of_an_odd_element() -> None:
    assert diagram(Odd).splitlines() == [
        " 0                   1                   2                   3",
        " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
        RULE,
        "|a|b|   Level   |                     Across                    |",
        RULE,
        "|     Across    |      Rank     |    More (if   |",
        "|               |               |    urgent)    |",
        RULE,
        "|                                                               |",
        "~                              Long                             ~",
        "|                                                               |",
        RULE,
        "|   Name Size   |                   Name Text                   ~",
        RULE,
        "a = Urgent",
        "b = Confirmed Twice",
    ]


def test_a_cell_knows_its_rows() -> None:
    found = {cell.field: cell for cell in cells(SAKEK, STANDARD)}
    assert (found["spi"].rows, found["spi"].variable) == (4, False)
    assert found["attributes"].variable
    assert [cell.field for cell in cells(SequenceNumber)] == [
        "next_payload",
        "reserved",
        "length",
        "sequence_number",
    ]


def test_a_size_that_the_dialect_gives_is_open_without_one() -> None:
    def reserved(dialect: object) -> list[tuple[int, bool]]:
        return [(cell.rows, cell.variable) for cell in cells(SAKEK, dialect) if cell.field == "reserved2"]

    assert reserved(None) == [(1, True)]
    assert reserved(STANDARD) == [(1, False)]


def test_no_line_ends_in_a_space_or_leaves_its_columns() -> None:
    for _, cls in FIGURES.values():
        for line in diagram(cls, STANDARD).splitlines():
            assert line == line.rstrip()
            assert len(line) <= len(RULE)


# -- the table ---------------------------------------------------------------------------------------


def test_the_table_says_what_the_definition_says() -> None:
    rows = {row.field: row for row in field_rows(Proposal)}
    assert rows["spi_size"].default == "computed: octets of `spi`"
    assert rows["transform_count"].default == "computed: number of `transforms`"
    assert rows["spi"].size == "`spi_size` octets"
    assert rows["protocol_id"].type == "`ProtocolID`"
    assert rows["proposal_number"].default == "required"
    assert rows["transforms"].type == "payloads of the chain *transforms* for `protocol_id`"


def test_sizes_defaults_and_conditions_in_words() -> None:
    assert {row.field: row.size for row in field_rows(Odd)} == {
        "urgent": "1 bit",
        "confirmed_twice": "1 bit",
        "level": "6 bits",
        "across": "4 octets",
        "rank": "1 octet",
        "more": "1 octet, if `urgent`",
        "long": "40 octets",
        "name_size": "1 octet",
        "name_text": "`name_size` octets",
    }
    kek = {row.field: row for row in field_rows(SAKEK, STANDARD)}
    assert kek["reserved2"].size == "4 octets; the dialect's `sa_kek_reserved_octets`"
    assert kek["source_id_data_length"].default == "computed: octets of `source_id_data`"
    assert kek["destination_id_type"].default == "`ID_IPV4_ADDR`"
    assert kek["spi"].default == "16 zero octets"
    assert {row.field: row.default for row in field_rows(KeyPacket)}["kd_length"] == (
        "computed: octets of the whole element"
    )


def test_the_table_is_markdown_with_a_row_a_field() -> None:
    lines = table(SequenceNumber).splitlines()
    assert lines[:2] == ["| field | size | type | default | meaning |", "| --- | --- | --- | --- | --- |"]
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| `sequence_number`"]
    for _, cls in FIGURES.values():
        assert {line.count(" | ") for line in table(cls, STANDARD).splitlines()} == {4}


def test_a_bar_in_a_meaning_does_not_end_the_cell() -> None:
    class Barred(Payload, kind=200, spec="none"):
        """A field whose meaning has a bar."""

        field: Annotated[int, Int8ub, "a | b"]

    assert table(Barred).splitlines()[-1] == "| `field` | 1 octet | integer | required | a &#124; b |"
