"""Who may come in: pick the authorizer, verify the signature, run the function, judge its answer (A60, B20, C1-C24)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Mapping

from attrs import evolve, frozen

from customauth.authorizer import (
    Answer,
    HttpContext,
    InvalidAnswer,
    MqttContext,
    TlsContext,
    build_event,
    validate_answer,
)
from customauth.gateway.answer_cache import AnswerCache
from customauth.gateway.attempt import Attempt, Trace
from customauth.gateway.choosing import Proof, check_signature, choose_authorizer
from customauth.gateway.config import AuthenticationType, Authorizer, GatewayConfig
from customauth.gateway.decision import Grant, Reason, Refusal, refuse
from customauth.gateway.origin import Origin
from customauth.gateway.policy_context import context_of
from customauth.gateway.presented import Presented
from customauth.gateway.runtimes.contract import (
    FunctionFailed,
    FunctionSpec,
    FunctionTimedOut,
    Invocation,
    Runtime,
    RuntimeFactory,
)
from customauth.mqtt import Connect, MqttVersion, Property
from customauth.policy import Context, Explanation, Member, Policy, Request, connect_context, explain
from customauth.rules.answer_texts import rule_of_answer

# How long a runtime that a new configuration no longer needs may finish its work, in seconds: an invocation's limit.
_RETIREMENT = 6.0
# Answers that need not be validated again, and the characters of one.
_MAX_KEPT = 256
_LONGEST_KEPT = 8192


class Authenticator:
    """Decide over attempts with the authorizers of the configuration; holds their runtimes.

    :param runtimes: makes the runtime of a function.
    :param on_function_output: called with an authorizer's name and what its function printed, if anything.
    :raises ValueError: when a function has no runtime.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        runtimes: RuntimeFactory,
        on_function_output: Callable[[str, str], None] | None = None,
    ) -> None:
        self._make_runtime = runtimes
        self._on_function_output = on_function_output
        self._retiring: set[asyncio.Task[None]] = set()
        self._config = config
        self._runtimes = self._prepare(config, {})

    def configure(self, config: GatewayConfig) -> None:
        """Decide by another configuration from now on; the runtimes that it shares with the last one are kept.

        :raises ValueError: when a function has no runtime; then the last configuration stays.
        """
        before, self._runtimes = self._runtimes, self._prepare(config, self._runtimes)
        self._config = config
        kept = [running.runtime for running in self._runtimes.values()]
        for running in before.values():
            if running.runtime not in kept:
                task = asyncio.get_running_loop().create_task(_retire(running.runtime))
                self._retiring.add(task)
                task.add_done_callback(self._retiring.discard)

    async def decide(self, attempt: Attempt, trace: Trace, *, cache: AnswerCache | None = None) -> Grant | Refusal:
        """Decide over one attempt. Whatever goes wrong with the function is a refusal (C22).

        :param cache: where an HTTP connection keeps the answers of authorizers with enable_caching_for_http (C32).
        """
        config = self._config
        obstacle = _obstacle(attempt.origin)
        if obstacle is not None:
            return obstacle
        presented = trace.presented = Presented.read(
            attempt.connect.username if attempt.connect is not None else None,
            attempt.origin.http,
            plus_is_space=config.plus_is_space,
        )
        choice = choose_authorizer(config, attempt.origin.domain, presented)
        if isinstance(choice, Refusal):
            return choice
        authorizer, trace.authorizer, trace.chosen = choice.authorizer, choice.authorizer.name, choice.because
        with trace.stage("signature"):
            proof = check_signature(authorizer, presented)
        if isinstance(proof, Refusal):
            trace.signature = "not verified"
            return proof
        trace.signature = proof.how
        answer = await self._answer(authorizer, attempt, proof, trace, cache)
        if isinstance(answer, Refusal):
            return answer
        with trace.stage("policy"):
            return judge(config, authorizer, proof, answer, attempt)

    async def aclose(self) -> None:
        """End all runtimes."""
        for task in tuple(self._retiring):
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await asyncio.gather(*(running.runtime.aclose() for running in self._runtimes.values()))
        self._runtimes.clear()

    def _prepare(self, config: GatewayConfig, running: Mapping[str, _Running]) -> dict[str, _Running]:
        """Return the runtime of each authorizer, those of before where nothing about the function has changed."""
        prepared: dict[str, _Running] = {}
        for name, authorizer in config.authorizers.items():
            spec = FunctionSpec(
                function=authorizer.function,
                function_arn=config.function_arn(authorizer),
                environment=authorizer.environment,
                memory_size=authorizer.memory_size,
            )
            before = running.get(name)
            if before is not None and before.spec == spec:
                prepared[name] = before
            else:
                prepared[name] = _Running(spec=spec, runtime=self._make_runtime(spec))
        return prepared

    async def _answer(
        self, authorizer: Authorizer, attempt: Attempt, proof: Proof, trace: Trace, cache: AnswerCache | None
    ) -> Answer | Refusal:
        if cache is None or not authorizer.enable_caching_for_http or trace.presented is None:
            return await self._ask(authorizer, attempt, proof, trace)
        cached = cache.get(authorizer, trace.presented)
        if cached is not None:
            trace.chosen = f"{trace.chosen}; its answer is from the cache of this connection (C32)"
            return cached
        answer = await self._ask(authorizer, attempt, proof, trace)
        if isinstance(answer, Answer):
            cache.put(authorizer, trace.presented, answer)
        return answer

    async def _ask(self, authorizer: Authorizer, attempt: Attempt, proof: Proof, trace: Trace) -> Answer | Refusal:
        event = trace.event = event_for(attempt, proof.token)
        try:
            with trace.stage("function"):
                invocation: Invocation = await self._runtimes[authorizer.name].runtime.invoke(event)
            self._show(authorizer, invocation.output)
            trace.answer = invocation.payload
            return _validated(invocation.payload, policies_optional=attempt.origin.certificate is not None)
        except FunctionFailed as error:
            self._show(authorizer, error.output)
            why = f"the function of authorizer {authorizer.name} failed: {error}"
            rule = "function-timeout" if isinstance(error, FunctionTimedOut) else "function-error"
            return refuse(Reason.FUNCTION_FAILED, rule, why, log="`customauth gateway --show-function-output`")
        except InvalidAnswer as error:
            why = f"the function of authorizer {authorizer.name} gave an answer that cannot be used: {_deepest(error)}"
            return refuse(Reason.FUNCTION_FAILED, rule_of_answer(str(error)), why)

    def _show(self, authorizer: Authorizer, output: str) -> None:
        if output and self._on_function_output is not None:
            self._on_function_output(authorizer.name, output)


def event_for(attempt: Attempt, token: str | None) -> dict[str, object]:
    """Build the event that an attempt causes.

    :param token: the verified token, None where none was verified (C3).
    """
    origin, connect = attempt.origin, attempt.connect
    certificate, http = origin.certificate, origin.http
    return build_event(
        connection_id=origin.connection_id,
        mqtt=None
        if connect is None
        else MqttContext(username=connect.username, password=connect.password, client_id=connect.client_id),
        http=None if http is None else HttpContext(headers=http.headers, query_string=http.query),
        tls=TlsContext(
            server_name=origin.server_name,
            certificate_pem=None if certificate is None else certificate.pem,
            principal_id=None if certificate is None else certificate.principal_id,
        ),
        token=token,
        signature_verified=token is not None,
    )


def judge(
    config: GatewayConfig, authorizer: Authorizer, proof: Proof, answer: Answer, attempt: Attempt
) -> Grant | Refusal:
    """Judge a valid answer: authenticated, and allowed to do what the attempt is about (C21, D21, D26, F13)."""
    if not answer.authenticated:
        why = f"the function of authorizer {authorizer.name} answered isAuthenticated: false"
        return refuse(Reason.NOT_AUTHENTICATED, "function-denies", why)
    certificate = attempt.origin.certificate
    if certificate is not None and answer.principal_id != certificate.principal_id:
        why = f"the function of authorizer {authorizer.name} answered a principalId that is not the certificate's"
        return refuse(Reason.FUNCTION_FAILED, "principal-of-certificate", why)
    policies = answer.policies if certificate is None else (*answer.policies, *certificate.policy_documents)
    allowed = _forbidden(config, policies, attempt)
    if isinstance(allowed, Refusal):
        return evolve(allowed, principal_id=answer.principal_id)
    return Grant(
        authorizer=authorizer.name,
        signature=proof.how,
        principal_id=answer.principal_id,
        refresh_after=answer.refresh_after,
        disconnect_after=answer.disconnect_after,
        why=allowed,
        policies=policies,
    )


@frozen(kw_only=True, eq=False)
class _Running:
    """The runtime of an authorizer's function, and what it was made from."""

    spec: FunctionSpec
    runtime: Runtime


def _validated(payload: str, *, policies_optional: bool) -> Answer:
    """Validate an answer; a function gives the same one to many."""
    validate = _validated_before if len(payload) <= _LONGEST_KEPT else validate_answer
    return validate(payload, policies_optional=policies_optional)


_validated_before = functools.lru_cache(_MAX_KEPT)(validate_answer)


def _forbidden(config: GatewayConfig, policies: tuple[Policy, ...], attempt: Attempt) -> str | Refusal:
    """Return the reason of the first permission, or the refusal where one is missing."""
    first = ""
    for request in _needed(config, attempt):
        explanation = explain(policies, request)
        decision = explanation.decision
        if not decision.allowed:
            rule = _missing_permission(policies, attempt, explanation)
            return refuse(Reason.POLICY, rule, decision.reason, action=request.action, resource=request.resource)
        first = first or decision.reason
    return first


def _missing_permission(policies: tuple[Policy, ...], attempt: Attempt, explanation: Explanation) -> str:
    """Name the cause of a permission that is missing."""
    if explanation.request.action != "iot:Connect":
        return "policy-publish" if attempt.connect is None else "policy-will"
    if not policies:
        return "answer-no-policies"
    nearest = [difference.member for difference in explanation.differences]
    if explanation.decided_by is not None or nearest[:1] == [Member.CONDITION]:
        return "policy-denies-connect"
    return "policy-client-id" if Member.RESOURCE in nearest else "policy-no-connect"


def _needed(config: GatewayConfig, attempt: Attempt) -> Iterator[Request]:
    """List what an attempt asks for; a will needs to be publishable (D21)."""
    context = context_of(attempt.origin)
    if attempt.connect is None:
        yield from _publishing(config.arn(f"topic/{attempt.topic or ''}"), attempt.retain, None, context)
        return
    will = attempt.connect.will
    will_topic = None if will is None else config.arn(f"topic/{will.topic}")
    yield Request(
        action="iot:Connect",
        resource=config.arn(f"client/{attempt.client_id}"),
        client_id=attempt.client_id,
        context=connect_context(context, will=will_topic, persistent=_is_persistent(attempt.connect)),
    )
    if will is not None and will_topic is not None:
        yield from _publishing(will_topic, will.retain, attempt.client_id, context)


def _publishing(resource: str, retain: bool, client_id: str | None, context: Context) -> Iterator[Request]:
    yield Request(action="iot:Publish", resource=resource, client_id=client_id, context=context)
    if retain:
        yield Request(action="iot:RetainPublish", resource=resource, client_id=client_id, context=context)


def _is_persistent(connect: Connect) -> bool:
    """Tell whether the session is to outlive its connection (E37)."""
    if connect.version is MqttVersion.V5:
        return bool(connect.properties.get(Property.SESSION_EXPIRY_INTERVAL, 0))
    return not connect.clean_start


def _obstacle(origin: Origin) -> Refusal | None:
    """Say what is in the way of any credentials here: a DISABLED domain (A61), a certificate that is missing (A63)."""
    domain = origin.domain
    if domain is None:
        return None
    if not domain.enabled:
        why = f"domain configuration {domain.name} is DISABLED"
        return refuse(Reason.DOMAIN_DISABLED, "domain-disabled", why, domain_configuration=domain.name)
    if domain.authentication_type is not AuthenticationType.CUSTOM_AUTH_X509:
        return None
    if origin.certificate is None:
        why = f"domain configuration {domain.name} wants a client certificate, and there was none"
        return refuse(Reason.NOT_AUTHENTICATED, "client-certificate-needed", why)
    if not origin.certificate.active:
        name = origin.certificate.name
        why = f"client certificate {name} is INACTIVE"
        return refuse(Reason.NOT_AUTHENTICATED, "client-certificate-inactive", why, certificate=name)
    return None


async def _retire(runtime: Runtime) -> None:
    try:
        await asyncio.sleep(_RETIREMENT)
    finally:
        await runtime.aclose()


def _deepest(error: Exception) -> str:
    return f"{error} ({error.__cause__})" if error.__cause__ else str(error)
