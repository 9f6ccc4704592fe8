"""AWS's API by region and profile: clients of boto3, and what their errors mean for the person who reads them."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

from customauth.errors import AwsError, AwsNotSetUp

INSTALL = 'pip install "customauth[aws]"'

_CONNECT_SECONDS = 5
_READ_SECONDS = 15

# The name of the endpoint, wherever it leads: data, credentials provider or jobs (G7, A52).
_REGION = re.compile(r"\.iot\.(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9])\.amazonaws\.com(?:\.cn)?", re.IGNORECASE)
_REGION_NAME = re.compile(r"[a-z]{2,8}(?:-[a-z]+)+-[0-9]+")

_RENEW = "renew the AWS credentials (aws sso login, or aws configure), and check this machine's clock"
_DENIALS = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedException", "UnauthorizedOperation"}
)
_MENDS = {
    "ExpiredToken": _RENEW,
    "ExpiredTokenException": _RENEW,
    "InvalidClientTokenId": _RENEW,
    "InvalidSignatureException": _RENEW,
    "SignatureDoesNotMatch": _RENEW,
    "UnrecognizedClientException": _RENEW,
    "ConnectTimeoutError": "check the network to AWS, and the region",
    "EndpointConnectionError": "check the network to AWS, and that the region exists",
    "ProxyConnectionError": "check HTTPS_PROXY",
    "ReadTimeoutError": "try again; check the network to AWS",
    "SSLError": "check AWS_CA_BUNDLE, and a proxy between",
    "ThrottlingException": "try again in some seconds",
    "TooManyRequestsException": "try again in some seconds",
}
_NOT_SET_UP = {
    "NoCredentialsError": ("there are no AWS credentials", "run aws configure, or set AWS_PROFILE"),
    "PartialCredentialsError": ("the AWS credentials are not complete", "set key id and secret access key, both"),
    "CredentialRetrievalError": ("the AWS credentials cannot be had", "run the credential process of the profile"),
    "NoRegionError": ("no AWS region is set", "set AWS_REGION, or name the region"),
    "InvalidRegionError": ("the AWS region is none", "name a region such as eu-west-1"),
    "ProfileNotFound": ("there is no such AWS profile", "see aws configure list-profiles; correct the name"),
    "SSOTokenLoadError": ("nobody is logged in to AWS", "run aws sso login"),
    "TokenRetrievalError": ("the login to AWS has ended", "run aws sso login"),
    "UnauthorizedSSOTokenError": ("the login to AWS has ended", "run aws sso login"),
    "ConfigParseError": ("AWS's configuration file cannot be read", "correct ~/.aws/config"),
    "InvalidConfigError": ("AWS's configuration file cannot be used", "correct ~/.aws/config"),
}


def region_of(host: str) -> str | None:
    """Return the region that the name of one of AWS's endpoints tells, None for any other name (A52)."""
    found = _REGION.search(host)
    return None if found is None else found["region"].lower()


def is_region(text: str) -> bool:
    """Say whether a text looks like the name of a region; only AWS knows whether there is one."""
    return _REGION_NAME.fullmatch(text) is not None


def open_session(*, region: str | None = None, profile: str | None = None) -> Any:
    """Return a ``boto3.Session``; nothing is asked yet.

    :param region: None for that of the profile or of the environment.
    :param profile: None for the one that boto3 would take.
    :raises AwsNotSetUp: boto3 is not installed, or there is no such profile.
    """
    try:
        import boto3
    except ImportError as error:
        raise AwsNotSetUp("boto3 is not installed", code="ImportError", hint=f"run: {INSTALL}") from error
    # The variable of the AWS CLI and of the other SDKs; boto3 looks at AWS_DEFAULT_REGION alone.
    chosen = region or os.environ.get("AWS_REGION") or None
    with translated():
        return boto3.session.Session(region_name=chosen, profile_name=profile)


def client(session: Any, service: str, *, region: str | None = None) -> Any:
    """Return the client of a service, with short time limits and one retry.

    :param region: None for that of the session.
    :raises AwsNotSetUp: no region or no credentials are set.
    """
    import botocore.config

    # An empty one, as of a variable that is set to nothing, would make a URL that cannot be.
    asked = region or getattr(session, "region_name", None)
    if not asked:
        raise _told("NoRegionError")
    config = botocore.config.Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    with translated():
        return session.client(service, region_name=asked, config=config)


def is_denied(error: AwsError) -> bool:
    """Say whether AWS knows who asks and does not permit it."""
    return error.code in _DENIALS


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what botocore raises into :class:`AwsError`; its text is left out, as it may quote what was sent.

    Meanwhile botocore's log of whole requests is off.

    :raises AwsNotSetUp: boto3 lacks something before it can ask.
    :raises AwsError: AWS refused, or was not reached.
    """
    from botocore import exceptions

    with _quiet():
        try:
            yield
        except exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            what = "is not permitted" if code in _DENIALS else f"was refused: {code}"
            operation = re.sub("[^A-Za-z]", "", str(error.operation_name))
            mend = "allow it to the identity of the AWS credentials" if code in _DENIALS else _MENDS.get(code, "")
            raise AwsError(f"{operation} {what}", code=code, hint=mend) from error
        except exceptions.ParamValidationError as error:
            raise AwsError("AWS takes no such request", code="ParamValidationError") from error
        except exceptions.BotoCoreError as error:
            raise _told(type(error).__name__) from error


def _told(name: str) -> AwsError:
    if name in _NOT_SET_UP:
        message, hint = _NOT_SET_UP[name]
        return AwsNotSetUp(message, code=name, hint=hint)
    return AwsError(f"AWS was not reached: {name}", code=name, hint=_MENDS.get(name, "check the network to AWS"))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep botocore from logging requests, which hold what a device shows."""
    log = logging.getLogger("botocore")
    before = log.level
    if log.isEnabledFor(logging.DEBUG):
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(before)
