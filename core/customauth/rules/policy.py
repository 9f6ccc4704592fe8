"""The policies that the function returns, and what they do not let through."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import REFUSED_ASKED, REQUEST_REFUSED, WITHHELD

_EXPLAIN = "customauth policy explain: decide over the policies that aws iot test-invoke-authorizer returns"
_LOGS = "; the server's log says what was denied: CloudWatch on AWS, the DENY line of the local gateway"
_SYMPTOM = f"{REFUSED_ASKED} and says yes"


def _statement(action: str, resource: str) -> str:
    arn = f"<{{resource}}|arn:aws:iot:{{region}}:{{account}}:{resource}>"
    return f'{{{{"Effect": "Allow", "Action": "{action}", "Resource": "{arn}"}}}}'


POLICY: tuple[Rule, ...] = (
    Rule(
        key="policy-no-connect",
        phase=Phase.POLICY,
        cause="no statement of the policies allows iot:Connect",
        symptom=_SYMPTOM,
        check=_EXPLAIN,
        cure="let the function's policy allow iot:Connect on <{resource}|the client's ARN>",
        command=_statement("iot:Connect", "client/{client_id}"),
        sources=("D2", "D8", "F13"),
    ),
    Rule(
        key="policy-client-id",
        phase=Phase.POLICY,
        cause="the policies allow iot:Connect for another client id, account or region",
        symptom=_SYMPTOM,
        check=_EXPLAIN,
        cure="let the function's policy allow iot:Connect on <{resource}|this client's ARN>, or connect with a "
        "client id that it allows<: {allowed}>",
        command=_statement("iot:Connect", "client/{client_id}"),
        sources=("D3", "D5", "F13"),
    ),
    Rule(
        key="policy-denies-connect",
        phase=Phase.POLICY,
        cause="a Deny or a Condition of the policies stands against iot:Connect, as for a persistent session or a will",
        symptom=_SYMPTOM,
        check=_EXPLAIN,
        cure="take away the Deny, or the Condition, that stands against iot:Connect on <{resource}|the client's ARN>, "
        "since no further Allow helps against a Deny; or connect as they want it, as with a clean session and no will",
        sources=("D9", "D17", "D18", "D20"),
    ),
    Rule(
        key="policy-will",
        phase=Phase.POLICY,
        cause="the policies do not allow publishing to the will's topic, which the login asks for",
        symptom=_SYMPTOM,
        check=_EXPLAIN,
        cure="let the function's policy allow <{action}|iot:Publish, and iot:RetainPublish for a retained will,> on "
        "<{resource}|the will's topic>, or connect without the will",
        command=_statement("<{action}|iot:Publish>", "topic/{topic}"),
        sources=("D8", "D21"),
    ),
    Rule(
        key="policy-publish",
        phase=Phase.CONNECTED,
        cause="the policies do not allow iot:Publish on this topic",
        symptom=REQUEST_REFUSED,
        check=f"{_EXPLAIN}{_LOGS}",
        cure="let the policy that the function returns allow <{action} on {resource}|iot:Publish, for a retained "
        "message iot:RetainPublish too, on topic/{topic}>",
        command=_statement("<{action}|iot:Publish>", "topic/{topic}"),
        sources=("D2", "D3", "D22", "D26"),
    ),
    Rule(
        key="policy-subscribe",
        phase=Phase.CONNECTED,
        cause="the policies do not allow iot:Subscribe on this topic filter",
        symptom=REQUEST_REFUSED,
        check=f"{_EXPLAIN}{_LOGS}",
        cure="let the policy that the function returns allow iot:Subscribe on <{resource}|topicfilter/{filter}>",
        command=_statement("iot:Subscribe", "topicfilter/{filter}"),
        sources=("D3", "D6", "D22"),
    ),
    Rule(
        key="policy-topic-for-filter",
        phase=Phase.CONNECTED,
        cause="the policies allow iot:Subscribe on topic/…, where its resource is topicfilter/…",
        symptom=REQUEST_REFUSED,
        check="customauth policy lint; look at the resources of iot:Subscribe",
        cure="write topicfilter/ in the resources of iot:Subscribe; topic/ is for iot:Publish and iot:Receive",
        command=_statement("iot:Subscribe", "topicfilter/{filter}"),
        sources=("D3", "D6"),
    ),
    Rule(
        key="policy-receive",
        phase=Phase.CONNECTED,
        cause="iot:Subscribe is allowed but iot:Receive is not, so that messages are withheld without a word",
        symptom=WITHHELD,
        check=_EXPLAIN,
        cure="let the policy allow iot:Receive on the topics that the filter matches",
        command=_statement("iot:Receive", "topic/{topic}"),
        sources=("D3", "D7"),
        stops=False,
    ),
)
