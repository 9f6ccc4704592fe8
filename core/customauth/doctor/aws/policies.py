"""What the policies that the function returned let this client do (D1-D24, C21, F13)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from customauth import policy_lint
from customauth.doctor.aws.case import Case, passed, stopped, warned
from customauth.doctor.finding import Certainty, Check, Finding
from customauth.mqtt.protocol import MqttVersion
from customauth.policy import (
    Context,
    Explanation,
    Member,
    Policy,
    PolicyError,
    Request,
    Verdict,
    connect_context,
    connection_context,
    explain,
    parse_policy,
)

_SHARED = "$share/"
# What the conditions of a policy may ask, and nobody here can tell.
_SOURCE_IP = "aws:sourceip"
# The id that AWS makes when a client sends none (E6).
_MADE_UP = "$GEN/00000000-0000-0000-0000-000000000000"


def check_policies(case: Case) -> Iterator[Check]:
    """Decide over the CONNECT, the will and the topics as AWS would."""
    if case.policy_documents is None:
        return
    if not case.policy_documents:
        if not case.wants_certificate:
            evidence = "the function returns no policy at all, so nothing is allowed"
            yield stopped("policy for CONNECT", case.finding("answer-no-policies", Certainty.CERTAIN, evidence))
        return
    try:
        policies = [parse_policy(text) for text in case.policy_documents]
    except PolicyError as error:
        evidence = f"a policy that the function returns is malformed: {case.masking.line(str(error))}"
        yield stopped("policy for CONNECT", case.finding("answer-policies", Certainty.CERTAIN, evidence))
        return
    asked = _Asked(case, policies)
    yield asked.connect()
    if case.setup.will is not None:
        yield asked.will(case.setup.will.topic, retain=case.setup.will.retain)
    for topic in case.setup.publish:
        yield asked.publish(topic)
    for text in case.setup.subscribe:
        yield from asked.subscribe(text)
    yield from _linted(case)


class _Asked:
    """The requests of one device under the policies of one answer."""

    def __init__(self, case: Case, policies: Sequence[Policy]) -> None:
        self._case = case
        self._policies = policies
        self._client_id = case.setup.client_id or _MADE_UP
        self._context = connection_context(source_ip=None, domain_name=case.host, now=case.began)
        text = "".join(case.policy_documents or ()).lower()
        # Such a condition fails here whatever the device's address is.
        self._sure = Certainty.LIKELY if _SOURCE_IP in text else Certainty.CERTAIN
        if case.wants_certificate:
            # The policies of the certificate count too, and are not known here (A66).
            self._sure = Certainty.POSSIBLE

    def connect(self) -> Check:
        name = "policy for CONNECT"
        setup = self._case.setup
        will = None if setup.will is None else self._case.arn(f"topic/{setup.will.topic}")
        is_v5 = setup.version is MqttVersion.V5
        # E37
        persistent = bool(setup.session_expiry) if is_v5 else not setup.clean_start
        context = connect_context(self._context, will=will, persistent=persistent)
        found = self._explain("iot:Connect", f"client/{self._client_id}", context)
        if found.decision.allowed:
            return passed(name, self._said(found))
        rule = self._rule_of_connect(found)
        certainty = self._sure
        who = ""
        if not setup.client_id_given and rule == "policy-client-id":
            certainty = Certainty.LIKELY
            who = "; the client id was made up here: give the device's own with --client-id"
        return stopped(name, self._finding(rule, certainty, found, more=who))

    def will(self, topic: str, *, retain: bool) -> Check:
        for action in ("iot:Publish", "iot:RetainPublish") if retain else ("iot:Publish",):
            found = self._explain(action, f"topic/{topic}", self._context)
            if not found.decision.allowed:
                finding = self._finding("policy-will", self._sure, found, topic=topic)
                return stopped("policy for the will", finding)
        return passed("policy for the will", self._said(found))

    def publish(self, topic: str) -> Check:
        name = f"policy for publishing to {topic}"
        found = self._explain("iot:Publish", f"topic/{topic}", self._context)
        if found.decision.allowed:
            return passed(name, self._said(found))
        return stopped(name, self._finding("policy-publish", self._sure, found, topic=topic))

    def subscribe(self, text: str) -> Iterator[Check]:
        name = f"policy for subscribing to {text}"
        found = self._explain("iot:Subscribe", f"topicfilter/{text}", self._context)
        if not found.decision.allowed:
            as_topic = self._explain("iot:Subscribe", f"topic/{text}", self._context)
            rule = "policy-topic-for-filter" if as_topic.decision.allowed else "policy-subscribe"
            yield stopped(name, self._finding(rule, self._sure, found, filter=text, topic=text))
            return
        yield passed(name, self._said(found))
        topic = _sample(text)
        found = self._explain("iot:Receive", f"topic/{topic}", self._context)
        if not found.decision.allowed:
            exact = topic == text
            certainty = self._sure if exact else Certainty.POSSIBLE
            finding = self._finding("policy-receive", certainty, found, topic=topic, filter=text)
            yield warned(f"policy for receiving from {text}", finding.evidence, finding)

    def _explain(self, action: str, resource: str, context: Context) -> Explanation:
        request = Request(action=action, resource=self._case.arn(resource), client_id=self._client_id, context=context)
        return explain(self._policies, request)

    def _rule_of_connect(self, found: Explanation) -> str:
        if found.decision.verdict is Verdict.EXPLICIT_DENY:
            return "policy-denies-connect"
        about = [
            statement
            for policy in self._policies
            for statement in policy.statements
            if statement.effect == "Allow" and statement.names_action("iot:connect")
        ]
        if not about:
            return "policy-no-connect"
        members = {difference.member for difference in found.differences}
        return "policy-client-id" if Member.RESOURCE in members or not members else "policy-denies-connect"

    def _finding(self, rule: str, certainty: Certainty, found: Explanation, *, more: str = "", **facts: str) -> Finding:
        request = found.request
        wanted = [text for each in found.differences if each.member is Member.RESOURCE for text in each.wanted]
        allowed = ", ".join(text.split(":", 5)[-1].removeprefix("client/") for text in wanted)
        return self._case.finding(
            rule,
            certainty,
            f"{self._said(found)}{more}",
            action=request.action,
            resource=request.resource,
            client_id=self._client_id,
            allowed=self._case.masking.line(allowed) if rule == "policy-client-id" else None,
            **facts,
        )

    def _said(self, found: Explanation) -> str:
        return self._case.masking.words(found.decision.reason)


def _sample(text: str) -> str:
    """Return a topic that a filter matches."""
    if text.lower().startswith(_SHARED):
        text = text.split("/", 2)[-1]
    return "/".join("example" if level in ("+", "#") else level for level in text.split("/"))


def _linted(case: Case) -> Iterator[Check]:
    """Tell of a Subscribe on topic/…, which allows nothing, where no filter was asked for."""
    if case.setup.subscribe:
        return
    _, _, _, region, account, _ = (*case.arn("x").split(":"), *[""] * 6)[:6]
    found = policy_lint.lint(case.policy_documents or (), account=account, region=region)
    for each in found:
        if each.rule.name in ("wrong-resource-type", "nothing-to-act-on") and "iot:Subscribe" in each.why:
            evidence = case.masking.words(each.why)
            yield warned("policies", evidence, case.finding("policy-topic-for-filter", Certainty.POSSIBLE, evidence))
            return
