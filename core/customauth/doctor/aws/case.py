"""What the checks of AWS learn one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from customauth.doctor.aws.clients import AwsClients, Refused, ask
from customauth.doctor.aws.masking import Masking
from customauth.doctor.finding import Certainty, Check, Finding, Outcome, Stage
from customauth.doctor.parameters import Parameter, first, parameters_of
from customauth.doctor.setup import Setup
from customauth.doctor.showing import shown_client_id


@frozen(kw_only=True)
class Authorizer:
    """What AWS says of an authorizer (G9).

    :ivar keys: its public keys in PEM by name.
    """

    name: str
    arn: str
    function_arn: str
    active: bool
    token_key_name: str | None
    signing_disabled: bool
    keys: Mapping[str, str]

    @classmethod
    def read(cls, description: Mapping[str, Any]) -> Authorizer:
        """Read the ``authorizerDescription`` of an answer."""
        return cls(
            name=description.get("authorizerName", ""),
            arn=description.get("authorizerArn", ""),
            function_arn=description.get("authorizerFunctionArn", ""),
            active=description.get("status") == "ACTIVE",
            token_key_name=description.get("tokenKeyName"),
            signing_disabled=description.get("signingDisabled", False),
            keys=description.get("tokenSigningPublicKeys") or {},
        )


@frozen(kw_only=True)
class FunctionArn:
    """A Lambda function's ARN, taken apart."""

    partition: str
    region: str
    account: str
    name: str
    qualifier: str | None

    @classmethod
    def parse(cls, arn: str) -> FunctionArn | None:
        """Take it apart; None where it is no such ARN."""
        parts = arn.split(":")
        if len(parts) not in (7, 8) or parts[0] != "arn" or parts[2] != "lambda" or parts[5] != "function":
            return None
        qualifier = parts[7] if len(parts) == 8 else None
        return cls(partition=parts[1], region=parts[3], account=parts[4], name=parts[6], qualifier=qualifier)

    def asked_for(self, account: str | None) -> dict[str, str]:
        """Return the members that name it in a request: in its own account its name is enough."""
        whole = f"arn:{self.partition}:lambda:{self.region}:{self.account}:function:{self.name}"
        asked = {"FunctionName": self.name if account == self.account else whole}
        return asked if self.qualifier is None else asked | {"Qualifier": self.qualifier}

    @property
    def shown(self) -> str:
        """Its name, with the alias or version."""
        return self.name if self.qualifier is None else f"{self.name}:{self.qualifier}"


@define(kw_only=True)
class Case:
    """The set-up, and what is known of it so far.

    :ivar probe_connected: whether the probe's CONNECT was accepted, None where there was none.
    :ivar began: when AWS was first asked, aware.
    :ivar over: no further check can say anything.
    :ivar account: whose credentials AWS was asked with.
    :ivar domain: the name of the domain configuration that serves the endpoint, None for the account's own endpoint.
    :ivar default_authorizer: the domain configuration's.
    :ivar may_override: whether its clients may name another.
    :ivar wants_certificate: whether it is of the type CUSTOM_AUTH_X509.
    :ivar authorizer: the one that decides.
    :ivar log_group: the function's.
    :ivar runtime: the function's, as ``python3.13``.
    :ivar known_to_function: the values of its environment.
    :ivar not_run: the function cannot run: AWS's other words about it say no more.
    :ivar unverified: what the signature lacks; its check and AWS's test say the same.
    :ivar policy_documents: what the function answered, None where it has not let the device in.
    """

    setup: Setup
    clients: AwsClients
    began: datetime
    probe_connected: bool | None = None
    over: bool = False
    account: str | None = None
    partition: str = "aws"
    domain: str | None = None
    default_authorizer: str | None = None
    may_override: bool = True
    wants_certificate: bool = False
    authorizer: Authorizer | None = None
    log_group: str = ""
    runtime: str = ""
    known_to_function: frozenset[bytes] = field(default=frozenset(), repr=False)
    not_run: bool = False
    unverified: bool = False
    policy_documents: tuple[str, ...] | None = field(default=None, repr=False)
    parameters: Sequence[Parameter] = field(init=False, repr=False)
    masking: Masking = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.parameters = parameters_of(self.setup)
        self.masking = Masking(self.setup)

    @property
    def region(self) -> str:
        """The region that is asked."""
        return self.clients.region

    @property
    def named(self) -> str | None:
        """The authorizer that the device names; an empty name is none (J9)."""
        return self.setup.parts.authorizer or None

    def value(self, name: str) -> str | None:
        """Return what travels under a name, decoded; None for nothing or an empty text."""
        found = first(self.parameters, name)
        return None if found is None else found.value or None

    @property
    def host(self) -> str | None:
        """The endpoint's name; None where there is none, or an address in its place."""
        endpoint = self.setup.endpoint
        return None if endpoint is None or endpoint.is_address() else endpoint.host

    @property
    def function(self) -> FunctionArn | None:
        """The function of the authorizer that decides."""
        return None if self.authorizer is None else FunctionArn.parse(self.authorizer.function_arn)

    def ask(self, service: str, operation: str, **asked: Any) -> dict[str, Any] | Refused:
        """Ask AWS, in the region of the endpoint unless ``region`` says another."""
        return ask(self.clients, service, operation, **asked)

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource of AWS IoT in the endpoint's account and region."""
        if self.authorizer is not None and self.authorizer.arn.count(":") > 4:
            return f"{self.authorizer.arn.rpartition(':')[0]}:{resource}"
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{resource}"

    def facts(self, **more: str | None) -> dict[str, str]:
        """Return what is known for the cure of a rule."""
        function, authorizer = self.function, self.authorizer
        known = {
            "account": self.account,
            "authorizer": authorizer.name if authorizer is not None else self.masking.name(self.named or ""),
            "authorizer_arn": None if authorizer is None else authorizer.arn,
            "client_id": shown_client_id(self.setup),
            "domain_configuration": self.domain,
            "endpoint": self.host,
            "function": None if function is None else function.name,
            "log_group": None if function is None else self.log_group,
            "region": self.region,
            "token_key_name": None if authorizer is None else authorizer.token_key_name,
        } | more
        return {name: value for name, value in known.items() if value}

    def finding(self, rule: str, certainty: Certainty, evidence: str, **more: str | None) -> Finding:
        """Return a finding, with all that is known for its cure."""
        return Finding(rule=rule, certainty=certainty, evidence=evidence, facts=self.facts(**more))


def passed(name: str, detail: str) -> Check:
    """Return a check that found nothing wrong."""
    return Check(stage=Stage.AWS, name=name, outcome=Outcome.PASSED, detail=detail)


def stopped(name: str, *findings: Finding, detail: str = "") -> Check:
    """Return a check that found what AWS refuses; the first finding's evidence is its detail unless given."""
    text = detail or findings[0].evidence
    return Check(stage=Stage.AWS, name=name, outcome=Outcome.STOPPED, detail=text, findings=findings)


def warned(name: str, detail: str, *findings: Finding) -> Check:
    """Return a check that found what is worth knowing."""
    return Check(stage=Stage.AWS, name=name, outcome=Outcome.WARNED, detail=detail, findings=findings)


def skipped(name: str, why: str) -> Check:
    """Return a check that was not made."""
    return Check(stage=Stage.AWS, name=name, outcome=Outcome.SKIPPED, detail=why)
