"""The attribute tables of GDOI: what each type's value is (RFC 6407, RFC 8052, RFC 8263)."""

from __future__ import annotations

from typing import Final

from gsakmp.payloads.gdoi.lkh import LKHDownloadArray, LKHUpdateArray
from gsakmp.payloads.gdoi.oft import OFTDownloadArray, OFTUpdateArray
from gsakmp.payloads.gdoi.periods import PeriodInterval, PeriodSeeds, PeriodSequence, SealedSeeds
from gsakmp.registries import (
    GAPAttribute,
    GroupDescription,
    KEKAckRequested,
    KEKAlgorithm,
    KEKAttribute,
    KEKKeyAttribute,
    KEKManagementAlgorithm,
    LKHKeyAttribute,
    MARKSAttribute,
    OFTKeyAttribute,
    SATEKAttribute,
    SIDAttribute,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKKeyAttribute,
)
from gsakmp.wire import INTEGER, AttributeTable, basic, variable

__all__ = [
    "GAP_ATTRIBUTES",
    "IEC61850_ATTRIBUTES",
    "KEK_ATTRIBUTES",
    "KEK_KEY_ATTRIBUTES",
    "LKH_KEY_ATTRIBUTES",
    "MARKS_ATTRIBUTES",
    "OFT_KEY_ATTRIBUTES",
    "SID_ATTRIBUTES",
    "TEK_KEY_ATTRIBUTES",
]

KEK_ATTRIBUTES: Final = AttributeTable(
    "SA KEK",
    KEKAttribute,
    {
        KEKAttribute.KEK_MANAGEMENT_ALGORITHM: basic(KEKManagementAlgorithm),
        KEKAttribute.KEK_ALGORITHM: basic(KEKAlgorithm),
        KEKAttribute.KEK_KEY_LENGTH: basic(doc="bits, the IV not counted"),
        KEKAttribute.KEK_KEY_LIFETIME: variable(INTEGER, "seconds"),
        KEKAttribute.SIG_HASH_ALGORITHM: basic(SigHashAlgorithm),
        KEKAttribute.SIG_ALGORITHM: basic(SigAlgorithm),
        KEKAttribute.SIG_KEY_LENGTH: basic(doc="bits"),
        KEKAttribute.KE_OAKLEY_GROUP: basic(GroupDescription),
        KEKAttribute.KEK_ACK_REQUESTED: basic(KEKAckRequested),
    },
    "RFC 6407, 5.3; RFC 8263, 2",
)

GAP_ATTRIBUTES: Final = AttributeTable(
    "GAP",
    GAPAttribute,
    {
        GAPAttribute.ACTIVATION_TIME_DELAY: basic(doc="seconds"),
        GAPAttribute.DEACTIVATION_TIME_DELAY: basic(doc="seconds"),
        GAPAttribute.SENDER_ID_REQUEST: basic(doc="sender ids wanted"),
    },
    "RFC 6407, 5.4",
)

IEC61850_ATTRIBUTES: Final = AttributeTable(
    "SA TEK",
    SATEKAttribute,
    {
        SATEKAttribute.SA_ATD: variable(INTEGER, "seconds until the SA is activated"),
        SATEKAttribute.SA_KDA: basic(doc="percentage of subscribers that must have the key"),
    },
    "RFC 8052, 2.2.4",
)

TEK_KEY_ATTRIBUTES: Final = AttributeTable(
    "TEK key packet",
    TEKKeyAttribute,
    {
        TEKKeyAttribute.TEK_ALGORITHM_KEY: variable(doc="encryption key", secret=True),
        TEKKeyAttribute.TEK_INTEGRITY_KEY: variable(doc="integrity key", secret=True),
        TEKKeyAttribute.TEK_SOURCE_AUTH_KEY: variable(doc="source authentication key", secret=True),
    },
    "RFC 6407, 5.6.1",
)

KEK_KEY_ATTRIBUTES: Final = AttributeTable(
    "KEK key packet",
    KEKKeyAttribute,
    {
        KEKKeyAttribute.KEK_ALGORITHM_KEY: variable(
            doc="an IV if the mode needs one, then the key", secret=True
        ),
        KEKKeyAttribute.SIG_ALGORITHM_KEY: variable(doc="the public key that verifies pushes"),
    },
    "RFC 6407, 5.6.2",
)

LKH_KEY_ATTRIBUTES: Final = AttributeTable(
    "LKH key packet",
    LKHKeyAttribute,
    {
        LKHKeyAttribute.LKH_DOWNLOAD_ARRAY: variable(LKHDownloadArray, "the keys of one member"),
        LKHKeyAttribute.LKH_UPDATE_ARRAY: variable(LKHUpdateArray, "new keys along a path"),
        LKHKeyAttribute.SIG_ALGORITHM_KEY: variable(doc="the public key that verifies pushes"),
    },
    "RFC 6407, 5.6.3",
)

SID_ATTRIBUTES: Final = AttributeTable(
    "SID key packet",
    SIDAttribute,
    {
        SIDAttribute.NUMBER_OF_SID_BITS: basic(doc="bits of a sender id in the nonce"),
        SIDAttribute.SID_VALUE: variable(INTEGER, "a sender id, the member's alone"),
    },
    "RFC 6407, 5.6.4",
)

OFT_KEY_ATTRIBUTES: Final = AttributeTable(
    "OFT key packet",
    OFTKeyAttribute,
    {
        OFTKeyAttribute.OFT_DOWNLOAD_ARRAY: variable(OFTDownloadArray, "what one member is given"),
        OFTKeyAttribute.OFT_UPDATE_ARRAY: variable(OFTUpdateArray, "what has changed"),
        OFTKeyAttribute.SIG_ALGORITHM_KEY: variable(doc="the public key that verifies pushes"),
    },
    "gsakmp, private use",
)

MARKS_ATTRIBUTES: Final = AttributeTable(
    "MARKS or NARK key packet",
    MARKSAttribute,
    {
        MARKSAttribute.PERIOD_SEQUENCE: variable(PeriodSequence, "the periods that there are"),
        MARKSAttribute.PERIOD_INTERVAL: variable(PeriodInterval, "periods that the member is given"),
        MARKSAttribute.PERIOD_SEEDS: variable(PeriodSeeds, "their seeds"),
        MARKSAttribute.SEALED_SEEDS: variable(SealedSeeds, "their seeds, for the member's module alone"),
    },
    "gsakmp, private use",
)
