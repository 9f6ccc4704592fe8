"""``aws:``: the account's own endpoint, as DescribeEndpoint tells it (G7)."""

from __future__ import annotations

import re

from attrs import frozen

from customauth.aws.account import client, is_region, open_session, translated
from customauth.errors import AwsError, AwsNotSetUp, EndpointError

DATA = "iot:Data-ATS"
"""The type of the endpoint that devices connect to (A52, G7)."""

TYPES = (DATA, "iot:Data", "iot:CredentialProvider", "iot:Jobs")
"""The types of endpoints that an account has (G7)."""

_SCHEME = re.compile(r"(?P<wss>wss://)?aws:(?P<region>[^:/?#]*)(?P<rest>(?::[0-9]+)?(?:/.*)?)")


@frozen(kw_only=True)
class AccountEndpoint:
    """One endpoint of an account.

    :ivar host: its name.
    :ivar region: the region that was asked.
    """

    host: str
    region: str


def describe_endpoint(kind: str = DATA, *, region: str | None = None, profile: str | None = None) -> AccountEndpoint:
    """Ask AWS for the name of the account's endpoint in a region (G7).

    :param kind: one of :data:`TYPES`.
    :param region: None for that of the profile or of the environment.
    :raises AwsNotSetUp: boto3, credentials or a region is missing.
    :raises AwsError: AWS refused, or was not reached.
    """
    session = open_session(region=region, profile=profile)
    asked = region or session.region_name
    if not asked:
        raise AwsNotSetUp(
            "no AWS region is set",
            code="NoRegionError",
            hint="name it, as in aws:eu-west-1 or --region eu-west-1, or set AWS_REGION",
        )
    iot = client(session, "iot", region=asked)
    with translated():
        host = str(iot.describe_endpoint(endpointType=kind).get("endpointAddress") or "")
    if not host:
        raise AwsError(f"AWS names no endpoint {kind} in {asked}", hint="check the region")
    return AccountEndpoint(host=host, region=asked)


def resolve(text: str, *, region: str | None = None, profile: str | None = None) -> str:
    """Put the name of the account's own endpoint in the place of ``aws:`` or ``aws:REGION``.

    :param text: ``[wss://]aws:[REGION][:PORT][/PATH]``.
    :param region: where the text has none; None for that of the profile or of the environment.
    :raises EndpointError: what stands behind ``aws:`` is no region.
    :raises AwsNotSetUp: boto3, credentials or a region is missing.
    :raises AwsError: AWS refused, or was not reached.
    """
    found = _SCHEME.fullmatch(text)
    if found is None or (found["region"] and not is_region(found["region"])):
        raise EndpointError(f"{text!r} names no region; write aws: or aws:REGION, as in aws:eu-west-1")
    endpoint = describe_endpoint(region=found["region"] or region, profile=profile)
    return f"{found['wss'] or ''}{endpoint.host}{found['rest']}"
