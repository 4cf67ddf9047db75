"""The payload classes: one definition each, from which everything else is derived."""

from gsakmp.payloads.gdoi.group_associated_policy import GroupAssociatedPolicy
from gsakmp.payloads.gdoi.group_sa import GroupSA
from gsakmp.payloads.gdoi.key_download import KeyDownload, KeyPacket
from gsakmp.payloads.gdoi.lkh import LKHDownloadArray, LKHKey, LKHUpdateArray
from gsakmp.payloads.gdoi.oft import OFTDownloadArray, OFTKey, OFTUpdateArray
from gsakmp.payloads.gdoi.periods import (
    PeriodInterval,
    PeriodSeed,
    PeriodSeeds,
    PeriodSequence,
    SealedSeeds,
)
from gsakmp.payloads.gdoi.proof_of_possession import ProofOfPossession
from gsakmp.payloads.gdoi.sa_kek import SAKEK
from gsakmp.payloads.gdoi.sa_tek import SATEK
from gsakmp.payloads.gdoi.sequence_number import SequenceNumber
from gsakmp.payloads.gdoi.tek_iec61850 import IEC61850TEK
from gsakmp.payloads.gdoi.tek_ipsec import AHTEK, ESPTEK, IPsecTEK
from gsakmp.payloads.isakmp.certificate import Certificate, CertificateRequest
from gsakmp.payloads.isakmp.delete import Delete, GroupDelete
from gsakmp.payloads.isakmp.fragment import Fragment
from gsakmp.payloads.isakmp.header import Header
from gsakmp.payloads.isakmp.identification import Identification, OIDIdentity
from gsakmp.payloads.isakmp.mode_config import ConfigurationAttributes
from gsakmp.payloads.isakmp.nat import NATDiscovery, NATOriginalAddress
from gsakmp.payloads.isakmp.notification import Notification, ResponderLifetime
from gsakmp.payloads.isakmp.opaque import Hash, KeyExchange, Nonce, Signature
from gsakmp.payloads.isakmp.proposal import Proposal
from gsakmp.payloads.isakmp.sa import SA, SensitivityLabel, UnknownSA
from gsakmp.payloads.isakmp.transform import (
    AHTransform,
    ESPTransform,
    IKETransform,
    IPCOMPTransform,
    Transform,
)
from gsakmp.payloads.isakmp.vendor_id import VendorID, vendor_name
from gsakmp.wire import (
    AddressRange,
    Attribute,
    Payload,
    Subnet,
    UnknownPayload,
    Unlinked,
)

__all__ = [
    "AHTEK",
    "ESPTEK",
    "IEC61850TEK",
    "SA",
    "SAKEK",
    "SATEK",
    "AHTransform",
    "AddressRange",
    "Attribute",
    "Certificate",
    "CertificateRequest",
    "ConfigurationAttributes",
    "Delete",
    "ESPTransform",
    "Fragment",
    "GroupAssociatedPolicy",
    "GroupDelete",
    "GroupSA",
    "Hash",
    "Header",
    "IKETransform",
    "IPCOMPTransform",
    "IPsecTEK",
    "Identification",
    "KeyDownload",
    "KeyExchange",
    "KeyPacket",
    "LKHDownloadArray",
    "LKHKey",
    "LKHUpdateArray",
    "NATDiscovery",
    "NATOriginalAddress",
    "Nonce",
    "Notification",
    "OFTDownloadArray",
    "OFTKey",
    "OFTUpdateArray",
    "OIDIdentity",
    "Payload",
    "PeriodInterval",
    "PeriodSeed",
    "PeriodSeeds",
    "PeriodSequence",
    "ProofOfPossession",
    "Proposal",
    "ResponderLifetime",
    "SealedSeeds",
    "SensitivityLabel",
    "SequenceNumber",
    "Signature",
    "Subnet",
    "Transform",
    "UnknownPayload",
    "UnknownSA",
    "Unlinked",
    "VendorID",
    "vendor_name",
]
