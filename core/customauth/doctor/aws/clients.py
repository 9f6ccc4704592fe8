"""The clients of AWS's API that the doctor asks, and how it asks: once, in time, and without raising."""

from __future__ import annotations

from typing import Any

from attrs import Factory, define, field, frozen

from customauth.aws.account import client, is_denied, open_session, region_of, translated
from customauth.doctor.setup import Setup
from customauth.errors import AwsError, AwsNotSetUp

_ENDS_ALL = frozenset(
    {
        "ConnectTimeoutError",
        "EndpointConnectionError",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "ProxyConnectionError",
        "ReadTimeoutError",
        "SSLError",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


@define
class AwsClients:
    """Clients of AWS's services in one region, made when they are first asked.

    :param session: a ``boto3.Session`` or what is like one: ``client(service, region_name=…, config=…)``.
    :param region: the region of the endpoint.
    :param home: the region that the session has of its own accord, None where it has none.
    """

    session: Any = field(repr=False)
    region: str
    home: str | None = None
    _made: dict[tuple[str, str], Any] = Factory(dict)

    @classmethod
    def open(cls, setup: Setup, *, region: str | None = None, profile: str | None = None) -> AwsClients:
        """Open the account of a profile.

        :param region: None for the one in the endpoint's name, or else that of the profile or of the environment.
        :raises AwsNotSetUp: boto3, credentials or a region is missing.
        :raises AwsError: the credentials cannot be had.
        """
        session = open_session(profile=profile)
        named = None if setup.endpoint is None else region_of(setup.endpoint.host)
        chosen = region or named or session.region_name
        if not chosen:
            raise AwsNotSetUp("no AWS region is set", code="NoRegionError", hint="add --region, or set AWS_REGION")
        with translated():
            # Elsewhere boto3 would look for them at every service anew, on a cloud machine for seconds.
            if session.get_credentials() is None:
                raise AwsNotSetUp(
                    "there are no AWS credentials",
                    code="NoCredentialsError",
                    hint="run aws configure, or set AWS_PROFILE or --aws-profile",
                )
        return cls(session=session, region=chosen, home=session.region_name)

    def of(self, service: str, region: str | None = None) -> Any:
        """Return the client of a service.

        :raises AwsNotSetUp: it cannot be made.
        """
        place = (service, region or self.region)
        if place not in self._made:
            self._made[place] = client(self.session, service, region=place[1])
        return self._made[place]


@frozen(kw_only=True)
class Refused:
    """A request that AWS did not answer.

    :ivar code: AWS's code of the error, or botocore's name of it.
    :ivar text: AWS's message, which may hold what was sent; None where there is none.
    :ivar why: the same for a person, without secrets.
    :ivar ends_all: no other request can fare better.
    """

    code: str
    text: str | None = field(repr=False)
    why: str
    ends_all: bool

    @property
    def is_not_found(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.code in ("ResourceNotFoundException", "ResourceNotFound")


def ask(
    clients: AwsClients, service: str, operation: str, *, permission: str = "", region: str | None = None, **asked: Any
) -> dict[str, Any] | Refused:
    """Ask AWS.

    :param operation: as boto3 calls it, ``describe_authorizer``.
    :param permission: what it takes, where that is not called as the operation.
    """
    try:
        with translated():
            answer: dict[str, Any] = getattr(clients.of(service, region), operation)(**asked)
    except AwsError as error:
        return _refused(error, permission or _permission(service, operation))
    return answer


def _refused(error: AwsError, permission: str) -> Refused:
    if is_denied(error):
        why = f"{permission} is not permitted to these AWS credentials; allow it to have this checked"
    elif isinstance(error, AwsNotSetUp):
        why = f"{error}; {error.hint}"
    else:
        why = f"{error}; {error.hint}" if error.hint else str(error)
    response = getattr(error.__cause__, "response", {})
    message = response.get("Error", {}).get("Message") if isinstance(response, dict) else None
    return Refused(
        code=error.code,
        text=message or None,
        why=why,
        ends_all=isinstance(error, AwsNotSetUp) or error.code in _ENDS_ALL,
    )


def _permission(service: str, operation: str) -> str:
    return f"{service}:{''.join(word.title() for word in operation.split('_'))}"
