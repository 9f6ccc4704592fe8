"""TestInvokeAuthorizer: run an authorizer's function on what a test gives, and judge its answer (B23-B30, C20).

There are two ways to the event: :func:`prepare` from the members of a TestInvokeAuthorizer request, as AWS does, and
:func:`prepare_live` from a connection that a client would make. :func:`invoke` then runs the function on it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from customauth import _parameters as grammar
from customauth.authorizer import (
    Answer,
    HttpContext,
    InvalidAnswer,
    build_event,
    function_error_text,
    validate_answer,
)
from customauth.gateway.attempt import Attempt
from customauth.gateway.authenticate import event_for, judge
from customauth.gateway.choosing import Proof, check_signature, choose_authorizer, inactive
from customauth.gateway.config import AuthenticationType, Authorizer, GatewayConfig
from customauth.gateway.decision import Grant, Reason, Refusal, refuse
from customauth.gateway.invoke_request import (
    InvalidRequest,
    InvalidResponse,
    ResourceNotFound,
    TestRequest,
    check_combination,
    check_members,
)
from customauth.gateway.origin import HttpRequest, Origin
from customauth.gateway.presented import Presented
from customauth.gateway.redaction import masked_event, redacted, secrets_of
from customauth.gateway.routing import Spoken, misrouted
from customauth.gateway.runtimes.contract import FunctionFailed, FunctionSpec, FunctionTimedOut, RuntimeFactory
from customauth.mqtt import Connect, MqttVersion
from customauth.rules import RULES
from customauth.rules.answer_texts import rule_of_answer


@frozen(kw_only=True)
class Prepared:
    """An invocation that is ready to be made: the signature, if one is needed, is verified.

    :ivar attempt: the connection that the test stands for.
    :ivar obstacle: why such a connection would not get as far as this function.
    """

    authorizer: Authorizer
    attempt: Attempt
    proof: Proof
    event: Mapping[str, Any] = field(repr=False)
    obstacle: Refusal | None = None
    _token_pair: tuple[str, ...] = field(default=(), repr=False, alias="token_pair")

    @property
    def masked_event(self) -> dict[str, Any]:
        """The event with every secret masked."""
        data = self.event.get("protocolData", {})
        if "http" not in data:
            return masked_event(self.event, self._secrets())
        # What a test leaves out is not in its event (B28), unlike in that of a connection.
        whole = {"headers": {}, "queryString": ""} | data["http"]
        masked = masked_event({**self.event, "protocolData": data | {"http": whole}}, self._secrets())
        http = masked["protocolData"]["http"]
        masked["protocolData"]["http"] = {name: http[name] for name in data["http"]}
        return masked

    def without_secrets(self, text: str) -> str:
        """Mask each secret of the test in a text."""
        return redacted(text, self._secrets())

    def _secrets(self) -> list[str]:
        found = secrets_of(self.attempt.connect, self.attempt.origin.http)
        return sorted([*found, *self._token_pair], key=len, reverse=True)


@frozen(kw_only=True)
class TestResult:
    """What the function answered.

    :ivar duration: seconds that it ran.
    :ivar output: what it printed; it may hold credentials.
    :ivar outlook: whether the connection that the test stands for would be let in by this answer, None where the test
        does not say enough about the connection.
    """

    answer: Answer
    duration: float
    output: str = field(repr=False)
    outlook: Grant | Refusal | None

    def as_json(self) -> dict[str, Any]:
        """Return the answer as TestInvokeAuthorizer gives it (B24)."""
        return {
            "isAuthenticated": self.answer.authenticated,
            "principalId": self.answer.principal_id,
            "policyDocuments": list(self.answer.policy_documents),
            "refreshAfterInSeconds": self.answer.refresh_after,
            "disconnectAfterInSeconds": self.answer.disconnect_after,
        }


async def test_invoke(config: GatewayConfig, runtimes: RuntimeFactory, request: TestRequest) -> TestResult:
    """Do what TestInvokeAuthorizer does, for an authorizer that is ACTIVE or not (B25).

    :raises ResourceNotFound: there is no such authorizer.
    :raises InvalidRequest: the function was not run (B26).
    :raises InvalidResponse: it failed, or its answer is invalid (B30).
    :raises ValueError: nothing here can run the function.
    """
    return await invoke(config, runtimes, prepare(config, request))


def prepare(config: GatewayConfig, request: TestRequest) -> Prepared:
    """Check a request, verify its signature and build its event (B26-B29).

    :raises ResourceNotFound: there is no such authorizer.
    :raises InvalidRequest: as AWS refuses it.
    """
    check_members(request)
    authorizer = config.authorizers.get(request.authorizer)
    if authorizer is None:
        text = f"Authorizer {request.authorizer} not found"
        raise ResourceNotFound(text, fix=_name_one(config))
    check_combination(request, signing_disabled=authorizer.signing_disabled)
    attempt = _attempt(config, request)
    proof = _proof(config, authorizer, request, attempt)
    # A short one is found in any text, and the gaps would tell it.
    pair = tuple(secret for secret in (request.token or "", request.token_signature or "") if len(secret) > 3)
    obstacle = None if authorizer.active else inactive(authorizer)
    event = _event(request, attempt, proof)
    return Prepared(
        authorizer=authorizer, attempt=attempt, proof=proof, event=event, obstacle=obstacle, token_pair=pair
    )


def prepare_live(
    config: GatewayConfig, attempt: Attempt, spoken: Spoken, authorizer: str | None = None
) -> Prepared | Refusal:
    """Build the event of a connection that a client would make (C5-C12), or say why it causes none.

    :param authorizer: ask this one, ACTIVE or not, even if the connection would choose another; None asks the one
        that it would choose.
    :raises ResourceNotFound: there is no such authorizer.
    """
    http = attempt.origin.http
    username = None if attempt.connect is None else attempt.connect.username
    presented = Presented.read(username, http, plus_is_space=config.plus_is_space)
    choice = choose_authorizer(config, attempt.origin.domain, presented)
    if authorizer is not None:
        asked = config.authorizers.get(authorizer)
        if asked is None:
            text = f"Authorizer {authorizer} not found"
            raise ResourceNotFound(text, fix=_name_one(config))
    elif isinstance(choice, Refusal):
        return choice
    else:
        asked = choice.authorizer
    obstacle = _closed(config, attempt.origin) or misrouted(attempt.origin, spoken)
    if obstacle is None and isinstance(choice, Refusal):
        obstacle = choice
    elif obstacle is None and not isinstance(choice, Refusal) and choice.authorizer is not asked:
        why = f"the connection would be decided by authorizer {choice.authorizer.name}: {choice.because}"
        obstacle = refuse(
            Reason.NOT_FOUND, "another-authorizer", why, authorizer=asked.name, chosen=choice.authorizer.name
        )
    proof = check_signature(asked, presented)
    if isinstance(proof, Refusal):
        return proof
    event = event_for(attempt, proof.token)
    return Prepared(authorizer=asked, attempt=attempt, proof=proof, event=event, obstacle=obstacle)


async def invoke(config: GatewayConfig, runtimes: RuntimeFactory, prepared: Prepared) -> TestResult:
    """Run the function, and judge its answer as AWS does (C20).

    :raises InvalidResponse: it failed, or its answer is invalid (B30).
    :raises ValueError: nothing here can run the function.
    """
    authorizer = prepared.authorizer
    runtime = runtimes(
        FunctionSpec(
            function=authorizer.function,
            function_arn=config.function_arn(authorizer),
            environment=authorizer.environment,
            memory_size=authorizer.memory_size,
        )
    )
    try:
        invocation = await runtime.invoke(prepared.event)
    except FunctionFailed as error:
        rule = "function-timeout" if isinstance(error, FunctionTimedOut) else "function-error"
        bare = "" if "protocolData" in prepared.event else "; the event of a token alone has no protocolData (B27)"
        raise InvalidResponse(
            function_error_text(error.error_message, error.error_type),
            why=str(error),
            fix=f"{RULES[rule].advice({'log': '--show-function-output'})}{bare}",
            output=error.output,
        ) from error
    finally:
        await runtime.aclose()
    try:
        answer = validate_answer(invocation.payload)
    except InvalidAnswer as error:
        raise InvalidResponse(
            str(error),
            why=str(error.__cause__ or ""),
            fix=RULES[rule_of_answer(str(error))].advice(),
            output=invocation.output,
        ) from error
    return TestResult(
        answer=answer,
        duration=invocation.duration,
        output=invocation.output,
        outlook=_outlook(config, prepared, answer),
    )


def _attempt(config: GatewayConfig, request: TestRequest) -> Attempt:
    """Describe the connection that a request stands for."""
    http, mqtt, tls = request.http, request.mqtt, request.tls
    origin = Origin(
        connection_id=str(uuid.uuid4()),
        peer="a test",
        port=443,
        server_name=None if tls is None else tls.server_name,
        alpn=None,
        account=config.account,
        domain=None,
        http=None
        if http is None
        else HttpRequest(
            method="GET",
            path="/mqtt",
            query=(http.query_string or "").removeprefix("?"),
            headers={name.lower(): value for name, value in (http.headers or {}).items()},
        ),
    )
    if mqtt is None:
        return Attempt(origin=origin)
    connect = Connect(
        version=MqttVersion.V5, client_id=mqtt.client_id or "", username=mqtt.username, password=mqtt.password
    )
    return Attempt(origin=origin, client_id=mqtt.client_id, connect=connect)


def _proof(config: GatewayConfig, authorizer: Authorizer, request: TestRequest, attempt: Attempt) -> Proof:
    if request.token is not None:
        pairs = [(grammar.SIGNATURE, request.token_signature or ""), (authorizer.token_key_name or "", request.token)]
        presented = Presented(username=pairs)
    else:
        username = None if request.mqtt is None else request.mqtt.username
        presented = Presented.read(username, attempt.origin.http, plus_is_space=config.plus_is_space)
    proof = check_signature(authorizer, presented)
    if isinstance(proof, Proof):
        return proof
    complete = presented.signature and presented.token(authorizer.token_key_name or "")
    text = f"Token signature mismatch for authorizer {authorizer.name}" if complete else None
    raise InvalidRequest(text, why=proof.why, fix=proof.fix)


def _event(request: TestRequest, attempt: Attempt, proof: Proof) -> dict[str, Any]:
    http = request.http
    event: dict[str, Any] = build_event(
        connection_id=attempt.origin.connection_id,
        mqtt=request.mqtt,
        http=None if http is None else HttpContext(headers=http.headers or {}, query_string=http.query_string or ""),
        tls=request.tls,
        token=proof.token,
        signature_verified=proof.token is not None,
    )
    if http is not None:
        given = {"headers": http.headers, "queryString": http.query_string}
        event["protocolData"]["http"] = {name: value for name, value in given.items() if value is not None}
    return event


def _closed(config: GatewayConfig, origin: Origin) -> Refusal | None:
    """Say what is in the way of a client without a certificate at this name (A47, A61, A63)."""
    domain = origin.domain
    if domain is None and origin.server_name is not None:
        why = f"the configuration does not serve the name {origin.server_name[:128]!r}"
        return refuse(Reason.SNI, "sni-refused", why, names=" or ".join(config.server_names))
    if domain is not None and not domain.enabled:
        why = f"domain configuration {domain.name} is DISABLED"
        return refuse(Reason.DOMAIN_DISABLED, "domain-disabled", why, domain_configuration=domain.name)
    if domain is not None and domain.authentication_type is AuthenticationType.CUSTOM_AUTH_X509:
        why = f"domain configuration {domain.name} wants a client certificate, which a test does not have"
        return refuse(Reason.NOT_AUTHENTICATED, "client-certificate-needed", why)
    return None


def _name_one(config: GatewayConfig) -> str:
    return RULES["authorizer-not-found"].advice({"authorizers": ", ".join(config.authorizers)})


def _outlook(config: GatewayConfig, prepared: Prepared, answer: Answer) -> Grant | Refusal | None:
    says_who = prepared.attempt.connect is not None and prepared.attempt.client_id
    if answer.authenticated and not says_who:
        return None
    return judge(config, prepared.authorizer, prepared.proof, answer, prepared.attempt)
