"""The names that policies of devices use: actions, resource types, condition keys and variables (D2, D3, D10-D12)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

_THING_RESOURCE, _TOPIC, _CLIENT = "thing/", "topic/", "client/"

RESOURCE_TYPES: Mapping[str, str | None] = {
    "iot:Connect": _CLIENT,
    "iot:Publish": _TOPIC,
    "iot:RetainPublish": _TOPIC,
    "iot:Receive": _TOPIC,
    "iot:Subscribe": "topicfilter/",
    "iot:GetRetainedMessage": _TOPIC,
    "iot:ListRetainedMessages": None,
    "iot:DeleteConnection": _CLIENT,
    "iot:GetConnection": _CLIENT,
    "iot:ListSubscriptions": _CLIENT,
    "iot:GetThingShadow": _THING_RESOURCE,
    "iot:UpdateThingShadow": _THING_RESOURCE,
    "iot:DeleteThingShadow": _THING_RESOURCE,
    "iot:ListNamedShadowsForThing": _THING_RESOURCE,
    # Jobs over HTTPS had actions of iot before they had those of iotjobsdata (D2).
    "iot:DescribeJobExecution": _THING_RESOURCE,
    "iot:GetPendingJobExecutions": _THING_RESOURCE,
    "iot:StartNextPendingJobExecution": _THING_RESOURCE,
    "iot:UpdateJobExecution": _THING_RESOURCE,
}
"""What an action of a device is decided on: how the resource begins, None where only ``*`` fits (D2, D3)."""

CONNECT_KEYS = frozenset({"iot:connectattributes", "iot:lastwilltopic"})
"""Condition keys that only ``iot:Connect`` has (D18), in lower case."""

_NAMES = (
    "DistinguishedNameQualifier|Country|Organization|OrganizationalUnit|State|CommonName|SerialNumber|Title|Surname|"
    "GivenName|Initials|Pseudonym|GenerationQualifier"
)
_ALTERNATIVES = "RFC822Name|DNSName|DirectoryName|UniformResourceIdentifier|IPAddress"
_CERTIFICATE = re.compile(
    rf"iot:CertificateId|iot:Certificate\.(?:SerialNumber|AvailableKeys(?:\.[0-4]|\.List)?"
    rf"|(?:Issuer|Subject)\.(?:{_NAMES}|AlternativeName\.(?:{_ALTERNATIVES}))(?:\.[0-4]|\.List)?)",
    re.IGNORECASE,
)
_THING = re.compile(
    r"iot:Connection\.Thing\.(?:ThingName|ThingTypeName|IsAttached|Attributes\[[^\]]+\])", re.IGNORECASE
)
_CONNECTION = frozenset({"iot:clientid", "iot:domainname", "aws:sourceip", "aws:currenttime", "aws:epochtime"})


class Source(enum.Enum):
    """Where the value of a condition key or variable comes from."""

    CONNECTION = "the connection"
    CONNECT = "the CONNECT packet"
    THING = "the registry of things"
    CERTIFICATE = "the client's certificate"
    UNKNOWN = "nowhere known"


def source(name: str) -> Source:
    """Tell where a key or variable of this name gets its value (D10-D12, D18)."""
    lowered = name.lower()
    if lowered in _CONNECTION:
        return Source.CONNECTION
    if lowered in CONNECT_KEYS:
        return Source.CONNECT
    if _THING.fullmatch(name):
        return Source.THING
    return Source.CERTIFICATE if _CERTIFICATE.fullmatch(name) else Source.UNKNOWN
