"""What an authorizer's function answered, and the policies in it."""

from __future__ import annotations

import json

from customauth.authorizer import InvalidAnswer, validate_answer
from customauth.policy import PolicyError, PolicySet, Request, Verdict, decide, explain, parse_policy
from fuzz_targets.target import Target

_ARN = "arn:aws:iot:us-east-1:123456789012"
_REQUESTS = [
    Request(action="iot:Connect", resource=f"{_ARN}:client/device", client_id="device"),
    Request(action="iot:Publish", resource=f"{_ARN}:topic/{'ab/' * 80}*", client_id="*"),
    Request(action="iot:RetainPublish", resource=f"{_ARN}:topic/${{iot:ClientId}}\n", client_id=None),
    Request(
        action="iot:Connect",
        resource=f"{_ARN}:client/device",
        client_id="device",
        context={"aws:SourceIp": "192.0.2.1", "aws:CurrentTime": "2020-01-01T00:00:00Z"},
    ),
]


def run(data: bytes) -> None:
    how, payload = (data[0], data[1:]) if data else (0, b"")
    try:
        answer = validate_answer(payload, policies_optional=bool(how & 1))
    except InvalidAnswer as error:
        str(error).encode(errors="surrogatepass")
    else:
        assert answer.authenticated or not answer.policies
        assert 300 <= answer.refresh_after <= 86400
        assert 300 <= answer.disconnect_after <= 86400
        assert len(answer.policy_documents) <= 10
        for request in _REQUESTS:
            decide(answer.policies, request)
    _document(payload.decode(errors="surrogateescape"))


def _document(text: str) -> None:
    try:
        policy = parse_policy(text)
    except PolicyError:
        return
    assert parse_policy(json.loads(text)) == policy, "text and object are not the same policy"
    kept = PolicySet([policy])
    for request in _REQUESTS:
        decision = decide([policy], request)
        assert explain([policy], request).decision == decision
        assert kept.decide(request) == kept.decide(request) == decision, "a kept decision is another"
        assert decision.reason.isprintable(), "a reason breaks its line"
        denied = decide([policy, _DENY], request)
        assert denied.verdict is Verdict.EXPLICIT_DENY, "an allow has beaten a deny"
        assert decide([_DENY, policy], request).verdict is Verdict.EXPLICIT_DENY
        if decision.verdict is Verdict.EXPLICIT_DENY:
            assert decide([policy, _ALLOW], request).verdict is Verdict.EXPLICIT_DENY
        else:
            assert decide([policy, _ALLOW], request).allowed


# About where Python can no longer read it, or no longer write it.
_DEPTHS = (100, 300, *range(900, 1000, 4), 2000)


def _everything(effect: str) -> dict[str, object]:
    statement = {"Effect": effect, "Action": "*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


_DENY, _ALLOW = parse_policy(_everything("Deny")), parse_policy(_everything("Allow"))


def seeds() -> list[bytes]:
    resources = [f"{_ARN}:client/${{iot:ClientId}}", f"{_ARN}:topic/a?b*c", "*", f"{_ARN}:${{*}}${{?}}"]
    conditions = {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}, "StringLikeIfExists": {"iot:ClientId": "d*"}}
    policies: list[dict[str, object]] = [
        {"Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}},
        {
            "Version": "2012-10-17",
            "Id": "id",
            "Statement": [
                {"Sid": "1", "Effect": "Allow", "Action": ["iot:Con*", "iot:Publis?"], "Resource": resources},
                {"Effect": "Deny", "Action": "iot:*", "Resource": resources[1], "Condition": conditions},
            ],
        },
        {"Statement": [{"Effect": "Deny", "NotAction": "s3:Get", "NotResource": "*"}]},
    ]
    answer = {"isAuthenticated": True, "principalId": "me", "policyDocuments": policies[:1], "extra": None}
    times = {"refreshAfterInSeconds": 300, "disconnectAfterInSeconds": 86400}
    quoted = {**answer, **times, "policyDocuments": [json.dumps(policy) for policy in policies[:2]]}
    values: list[object] = [*policies, answer, quoted, json.dumps(quoted), {**answer, "isAuthenticated": False}, []]
    deep = [json.dumps({**answer, "policyDocuments": ["DEEP"]}).replace('"DEEP"', "[" * n + "]" * n) for n in _DEPTHS]
    texts = [*map(json.dumps, values), *deep]
    return [bytes((how,)) + text.encode() for how in (0, 1) for text in texts]


_WORDS = (
    *(b'"isAuthenticated":true', b'"principalId":"me"', b'"policyDocuments":[', b'"refreshAfterInSeconds":300'),
    *(b'"disconnectAfterInSeconds":', b'"Version":"2012-10-17"', b'"Statement":', b'"Effect":"Allow"', b'"Deny"'),
    *(b'"Action":"iot:Connect"', b'"Resource":"arn:aws:iot:', b'"Condition":{"StringEquals":{"aws:SourceIp":'),
    *(b"DateLessThan", b"NotIpAddress", b"IfExists", b"ForAnyValue:", b"${aws:SourceIp, 'x'}", b"192.0.2.0/24"),
    *(b'"NotAction"', b'"Principal"'),
    *(b"${iot:ClientId}", b"${*}", b"${$}", b"${", b"*", b"?", b"null", b"NaN", b"1e999", b"\\ud800", b"[[[[", b"{}"),
)
TARGET = Target(name="answer", run=run, seeds=seeds, words=_WORDS, share=10)
