"""Who may connect: pick the authorizer, verify the signature, run the function, judge its answer (A60, B20, C1-C24)."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, field, frozen

from customauth.authorizer import (
    Answer,
    InvalidAnswer,
    MqttContext,
    TlsContext,
    build_event,
    validate_answer,
)
from customauth.gateway.config import Authorizer, GatewayConfig
from customauth.gateway.decision import Grant, Reason, Refusal
from customauth.gateway.presented import Presented
from customauth.gateway.redaction import redacted, secrets_of
from customauth.gateway.runtime import FunctionFailed, FunctionSpec, FunctionTimedOut, PythonRuntime
from customauth.mqtt import Connect
from customauth.policy import Request, UnsupportedPolicy, decide
from customauth.signing import public_key_verifies

MAX_TOKEN_LENGTH = 6144  # A21
MAX_SIGNATURE_LENGTH = 2560  # A21


@frozen(kw_only=True)
class Attempt:
    """One CONNECT and the connection that it came on.

    :ivar client_id: the client's own, or the one assigned to it (E6).
    """

    connection_id: str
    client_id: str
    server_name: str | None
    connect: Connect = field(repr=False)


@frozen(kw_only=True)
class Proof:
    """What the signature check gave.

    :ivar token: the verified token, None where signing is disabled (B21).
    :ivar how: for the decision's line.
    """

    token: str | None = field(repr=False)
    how: str


class Authenticator:
    """Decide over attempts with the authorizers of one configuration; holds their worker processes.

    :param on_function_output: called with an authorizer's name and what its function printed, if anything.
    """

    def __init__(self, config: GatewayConfig, *, on_function_output: Callable[[str, str], None] | None = None) -> None:
        self._config = config
        self._on_function_output = on_function_output
        self._runtimes = {name: _runtime(config, authorizer) for name, authorizer in config.authorizers.items()}

    async def decide(self, attempt: Attempt) -> Grant | Refusal:
        """Decide over one attempt. Whatever goes wrong with the function is a refusal (C22)."""
        outcome = await self._decide(attempt)
        secrets = secrets_of(attempt.connect)
        outcome = evolve(outcome, why=redacted(outcome.why, secrets))
        if isinstance(outcome, Grant):
            return evolve(outcome, principal_id=redacted(outcome.principal_id, secrets))
        return outcome

    async def aclose(self) -> None:
        """End all worker processes."""
        for runtime in self._runtimes.values():
            await runtime.aclose()

    async def _decide(self, attempt: Attempt) -> Grant | Refusal:
        presented = Presented.from_username(attempt.connect.username)
        authorizer = choose_authorizer(self._config, presented)
        if isinstance(authorizer, Refusal):
            return authorizer
        proof = check_signature(authorizer, presented)
        if isinstance(proof, Refusal):
            return proof
        answer = await self._ask(authorizer, attempt, proof)
        if isinstance(answer, Refusal):
            return answer
        return judge(self._config, authorizer, proof, answer, attempt)

    async def _ask(self, authorizer: Authorizer, attempt: Attempt, proof: Proof) -> Answer | Refusal:
        connect = attempt.connect
        event = build_event(
            connection_id=attempt.connection_id,
            mqtt=MqttContext(username=connect.username, password=connect.password, client_id=connect.client_id),
            tls=TlsContext(server_name=attempt.server_name),
            token=proof.token,
            signature_verified=proof.token is not None,
        )
        try:
            invocation = await self._runtimes[authorizer.name].invoke(event)
            self._show(authorizer, invocation.output)
            return validate_answer(invocation.payload)
        except FunctionFailed as error:
            self._show(authorizer, error.output)
            why = f"the function of authorizer {authorizer.name} failed: {error}"
            return Refusal(reason=Reason.FUNCTION_FAILED, why=why, fix=_mend(error))
        except (InvalidAnswer, UnsupportedPolicy) as error:
            why = f"the function of authorizer {authorizer.name} gave an answer that cannot be used: {_deepest(error)}"
            return Refusal(reason=Reason.FUNCTION_FAILED, why=why, fix="mend what the function returns")

    def _show(self, authorizer: Authorizer, output: str) -> None:
        if output and self._on_function_output is not None:
            self._on_function_output(authorizer.name, output)


def choose_authorizer(config: GatewayConfig, presented: Presented) -> Authorizer | Refusal:
    """Pick the authorizer that the client named, else the default one (A22, A60)."""
    name = presented.authorizer_name or config.default_authorizer
    if name is None:
        return Refusal(
            reason=Reason.NOT_FOUND,
            why="the client named no authorizer and there is no default one",
            fix="send x-amz-customauthorizer-name after a ? in the user name, or configure default_authorizer",
        )
    authorizer = config.authorizers.get(name)
    if authorizer is None:
        return Refusal(
            reason=Reason.NOT_FOUND,
            why=f"there is no authorizer {name[:128]!r}",
            fix=f"name one of {', '.join(config.authorizers)}",
        )
    if not authorizer.active:
        return Refusal(
            reason=Reason.NOT_FOUND,
            why=f"authorizer {name} is INACTIVE",
            fix='set its status to "ACTIVE"',
        )
    return authorizer


def check_signature(authorizer: Authorizer, presented: Presented) -> Proof | Refusal:
    """Verify the token's signature with any of the authorizer's keys (B19), before the function runs (B20)."""
    if authorizer.signing_disabled:
        return Proof(token=None, how="signing disabled")
    key_name = authorizer.token_key_name or ""
    token, signature = presented.token(key_name), presented.signature
    if not token or not signature:
        missing = "x-amz-customauthorizer-signature" if token else f"the token ({key_name})"
        sent = ", ".join(presented.names()) or "none"
        return _invalid(
            f"{missing} is missing or empty; the parameters sent are: {sent}",
            f"send the token as {key_name}=… together with its signature, after the last ? of the user name",
        )
    if len(token) > MAX_TOKEN_LENGTH or len(signature) > MAX_SIGNATURE_LENGTH:
        return _invalid(
            f"token or signature is too long: {len(token)} and {len(signature)} characters",
            f"keep the token within {MAX_TOKEN_LENGTH} and the signature within {MAX_SIGNATURE_LENGTH}",
        )
    for name, key in authorizer.public_keys.items():
        if public_key_verifies(key, token, signature):
            return Proof(token=token, how=f"signature verified with {name}")
    return _invalid(
        f"the signature does not verify with {' or '.join(authorizer.public_keys)}",
        "sign exactly the token that is sent, without a line end, with the private key of one of these",
    )


def judge(
    config: GatewayConfig, authorizer: Authorizer, proof: Proof, answer: Answer, attempt: Attempt
) -> Grant | Refusal:
    """Judge a valid answer: authenticated, and allowed to connect with this client id and will (C21, D21, F13)."""
    if not answer.authenticated:
        return Refusal(
            reason=Reason.NOT_AUTHENTICATED,
            why=f"the function of authorizer {authorizer.name} answered isAuthenticated: false",
            fix="send the credentials that the function expects",
        )
    why = ""
    for action, resource in _needed(attempt):
        request = Request(action=action, resource=config.arn(resource), client_id=attempt.client_id)
        decision = decide(answer.policies, request)
        if not decision.allowed:
            return Refusal(
                reason=Reason.POLICY, why=decision.reason, fix=f"let the function's policy allow {action} on it"
            )
        why = why or decision.reason
    return Grant(
        authorizer=authorizer.name,
        signature=proof.how,
        principal_id=answer.principal_id,
        refresh_after=answer.refresh_after,
        disconnect_after=answer.disconnect_after,
        why=why,
    )


def _needed(attempt: Attempt) -> list[tuple[str, str]]:
    """List the actions and resources that a CONNECT needs: a will needs to be publishable (D21)."""
    needed = [("iot:Connect", f"client/{attempt.client_id}")]
    will = attempt.connect.will
    if will is not None:
        needed.append(("iot:Publish", f"topic/{will.topic}"))
        if will.retain:
            needed.append(("iot:RetainPublish", f"topic/{will.topic}"))
    return needed


def _runtime(config: GatewayConfig, authorizer: Authorizer) -> PythonRuntime:
    return PythonRuntime(
        FunctionSpec(
            file=authorizer.file,
            handler=authorizer.handler,
            function_arn=config.function_arn(authorizer),
            environment=authorizer.environment,
        )
    )


def _mend(error: FunctionFailed) -> str:
    if isinstance(error, FunctionTimedOut):
        return "make the function faster: it must answer within 5 s, and load within 10 s"
    return "mend the function; `customauth gateway --show-function-output` shows its output"


def _invalid(why: str, fix: str) -> Refusal:
    return Refusal(reason=Reason.PARAMETER_INVALID, why=why, fix=fix)


def _deepest(error: Exception) -> str:
    return f"{error} ({error.__cause__})" if error.__cause__ else str(error)
