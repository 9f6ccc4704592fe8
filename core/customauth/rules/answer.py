"""What the function answers, where AWS cannot use it (C15-C23)."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import REFUSED_ASKED

_CHECK = "aws iot test-invoke-authorizer: InvalidResponseException"
_POLICIES = (
    '"policyDocuments": [{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "iot:Connect", '
    '"Resource": "<{resource}|arn:aws:iot:{region}:{account}:client/{client_id}>"}}]}}]'
)
_SYMPTOM = f"{REFUSED_ASKED}, but its answer is of no use"

ANSWER: tuple[Rule, ...] = (
    Rule(
        key="answer-not-understood",
        phase=Phase.ANSWER,
        cause="the function's answer is no JSON object with isAuthenticated, true or false",
        symptom=_SYMPTOM,
        check=f"{_CHECK}, Lambda invocation result is in invalid format",
        cure="mend what the function returns: an object, whose isAuthenticated is a boolean",
        command='{{"isAuthenticated": true, "principalId": "{principal}", "policyDocuments": [POLICY]}}',
        sources=("C15", "C20", "J6"),
    ),
    Rule(
        key="answer-principal",
        phase=Phase.ANSWER,
        cause="principalId is missing, or is not 1 to 128 letters and digits",
        symptom=_SYMPTOM,
        check=f"{_CHECK}, at principalId failed to satisfy constraint",
        cure="mend what the function returns: a principalId of 1 to 128 letters and digits, without hyphens, even "
        "where isAuthenticated is false",
        command='"principalId": re.sub("[^a-zA-Z0-9]", "", user)[:128] or "unknown"',
        sources=("C15", "C19", "C20"),
    ),
    Rule(
        key="answer-policies",
        phase=Phase.ANSWER,
        cause="policyDocuments is missing, has more than 10 documents, one above 2048 characters, or one that is no "
        "policy",
        symptom=_SYMPTOM,
        check=f"{_CHECK}, policyDocuments failed to satisfy constraint",
        cure="mend what the function returns: policyDocuments is a list of at most 10 policies of at most 2048 "
        "characters each",
        command=_POLICIES,
        sources=("C15", "C17", "C20", "C23"),
    ),
    Rule(
        key="answer-no-policies",
        phase=Phase.ANSWER,
        cause="the answer's list of policies is empty, so that nothing is allowed",
        symptom=f"{REFUSED_ASKED} and says yes",
        check="aws iot test-invoke-authorizer: policyDocuments",
        cure="let the function return a policy that allows iot:Connect for the client id",
        command=_POLICIES,
        sources=("C21",),
    ),
    Rule(
        key="answer-times",
        phase=Phase.ANSWER,
        cause="refreshAfterInSeconds or disconnectAfterInSeconds is no whole number from 300 to 86400",
        symptom=_SYMPTOM,
        check=f"{_CHECK}, Member must be greater than 5 minutes and less than 24 hours",
        cure="mend what the function returns: both times are whole numbers from 300 to 86400, or left out",
        command='"disconnectAfterInSeconds": 86400, "refreshAfterInSeconds": 300',
        sources=("C15", "C16", "C20", "H12", "H15"),
    ),
    Rule(
        key="principal-of-certificate",
        phase=Phase.ANSWER,
        cause="principalId is not the client certificate's, as it must be with CUSTOM_AUTH_X509",
        symptom=_SYMPTOM,
        check="compare principalId with protocolData.tls.principalId of the event",
        cure="return protocolData.tls.principalId of the event as principalId (A65)",
        command='"principalId": event["protocolData"]["tls"]["principalId"]',
        sources=("A64", "A65"),
    ),
)
