"""The packet classes, one for each class of `gsakmp.payloads` and under its name."""

from __future__ import annotations

from typing import Any, ClassVar

from gsakmp import payloads
from gsakmp.layers.attribute import Attribute
from gsakmp.layers.base import CLASSES, PayloadLayer, generic_header, packet_class
from gsakmp.layers.fields import KindField, OctetsField
from gsakmp.layers.header import Header
from gsakmp.wire.members import Member, OctetsForm

__all__ = [
    "AHTEK",
    "ESPTEK",
    "IEC61850TEK",
    "SA",
    "SAKEK",
    "SATEK",
    "AHTransform",
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
    "Transform",
    "UnknownPayload",
    "UnknownSA",
    "VendorID",
]


class UnknownPayload(PayloadLayer):
    """A payload of a type that the domain of interpretation does not define: `kind` and octets."""

    name = "Unknown Payload"
    element = payloads.UnknownPayload
    fields_desc: ClassVar[list[Any]] = [
        *generic_header(),
        KindField(0),
        OctetsField(Member("octets", OctetsForm(None))),
    ]


CLASSES[payloads.UnknownPayload] = UnknownPayload

AHTEK = packet_class(payloads.AHTEK)
ESPTEK = packet_class(payloads.ESPTEK)
IEC61850TEK = packet_class(payloads.IEC61850TEK)
SA = packet_class(payloads.SA)
SAKEK = packet_class(payloads.SAKEK)
SATEK = packet_class(payloads.SATEK)
AHTransform = packet_class(payloads.AHTransform)
Certificate = packet_class(payloads.Certificate)
CertificateRequest = packet_class(payloads.CertificateRequest)
ConfigurationAttributes = packet_class(payloads.ConfigurationAttributes)
Delete = packet_class(payloads.Delete)
ESPTransform = packet_class(payloads.ESPTransform)
Fragment = packet_class(payloads.Fragment)
GroupAssociatedPolicy = packet_class(payloads.GroupAssociatedPolicy)
GroupDelete = packet_class(payloads.GroupDelete)
GroupSA = packet_class(payloads.GroupSA)
Hash = packet_class(payloads.Hash)
IKETransform = packet_class(payloads.IKETransform)
IPCOMPTransform = packet_class(payloads.IPCOMPTransform)
IPsecTEK = packet_class(payloads.IPsecTEK)
Identification = packet_class(payloads.Identification)
KeyDownload = packet_class(payloads.KeyDownload)
KeyExchange = packet_class(payloads.KeyExchange)
KeyPacket = packet_class(payloads.KeyPacket)
LKHDownloadArray = packet_class(payloads.LKHDownloadArray)
LKHKey = packet_class(payloads.LKHKey)
LKHUpdateArray = packet_class(payloads.LKHUpdateArray)
NATDiscovery = packet_class(payloads.NATDiscovery)
NATOriginalAddress = packet_class(payloads.NATOriginalAddress)
Nonce = packet_class(payloads.Nonce)
Notification = packet_class(payloads.Notification)
OFTDownloadArray = packet_class(payloads.OFTDownloadArray)
OFTKey = packet_class(payloads.OFTKey)
OFTUpdateArray = packet_class(payloads.OFTUpdateArray)
OIDIdentity = packet_class(payloads.OIDIdentity)
PeriodInterval = packet_class(payloads.PeriodInterval)
PeriodSeed = packet_class(payloads.PeriodSeed)
PeriodSeeds = packet_class(payloads.PeriodSeeds)
PeriodSequence = packet_class(payloads.PeriodSequence)
ProofOfPossession = packet_class(payloads.ProofOfPossession)
Proposal = packet_class(payloads.Proposal)
ResponderLifetime = packet_class(payloads.ResponderLifetime)
SealedSeeds = packet_class(payloads.SealedSeeds)
SensitivityLabel = packet_class(payloads.SensitivityLabel)
SequenceNumber = packet_class(payloads.SequenceNumber)
Signature = packet_class(payloads.Signature)
Transform = packet_class(payloads.Transform)
UnknownSA = packet_class(payloads.UnknownSA)
VendorID = packet_class(payloads.VendorID)
