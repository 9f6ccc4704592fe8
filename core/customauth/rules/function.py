"""The authorizer's Lambda function, up to its answer; and what it alone may refuse."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import OTHERWISE, REFUSED_ASKED, REFUSED_UNASKED

_LOG = "aws logs tail <{log_group}|/aws/lambda/{function}> --since 15m< --region {region}>"
_TEST = "aws iot test-invoke-authorizer"

FUNCTION: tuple[Rule, ...] = (
    Rule(
        key="function-not-found",
        phase=Phase.FUNCTION,
        cause="the authorizer's Lambda function does not exist, or not in this region",
        symptom=REFUSED_UNASKED,
        check="aws lambda get-function-configuration",
        cure="give the authorizer the ARN of a function that exists, as aws lambda list-functions shows it<, or create "
        "{function} anew>",
        command="aws iot update-authorizer --authorizer-name {authorizer} --authorizer-function-arn FUNCTION_ARN"
        "< --region {region}>",
        sources=("B2",),
    ),
    Rule(
        key="function-not-permitted",
        phase=Phase.FUNCTION,
        cause="the function's resource policy does not let AWS IoT invoke it for this authorizer",
        symptom=f"{REFUSED_UNASKED} (Lambda counts no invocation)",
        check="aws lambda get-policy: Principal iot.amazonaws.com, AWS:SourceArn the authorizer's ARN",
        cure="let AWS IoT invoke the function for this authorizer",
        command="aws lambda add-permission --function-name {function} --statement-id iot-{authorizer} "
        "--action lambda:InvokeFunction --principal iot.amazonaws.com --source-arn {authorizer_arn}"
        "< --region {region}>",
        sources=("F12", "G2", "G3", "G4"),
    ),
    Rule(
        key="function-timeout",
        phase=Phase.FUNCTION,
        cause="the function does not answer within 5 s, or is cut off by its own timeout before",
        symptom=f"{REFUSED_ASKED}, but too slow",
        check=f"{_TEST}; aws lambda get-function-configuration: Timeout",
        cure="make the function faster: it must answer within 5 s, and load within 10 s",
        command="aws lambda update-function-configuration --function-name {function} --memory-size 1024 --timeout 5"
        "< --region {region}>",
        sources=("C24", "F11"),
    ),
    Rule(
        key="function-slow",
        phase=Phase.FUNCTION,
        cause="the function comes near the 5 s within which it must answer, or its own timeout is beyond them",
        symptom=f"{OTHERWISE}: some logins take seconds, and some are refused",
        check=f"{_TEST}; aws lambda get-function-configuration: Timeout",
        cure="make the function faster, and set its timeout to 5 s: AWS waits no longer (C24)",
        command="aws lambda update-function-configuration --function-name {function} --memory-size 1024 --timeout 5"
        "< --region {region}>",
        sources=("C24",),
        stops=False,
    ),
    Rule(
        key="function-error",
        phase=Phase.FUNCTION,
        cause="the function raises an error",
        symptom=f"{REFUSED_ASKED}, but fails",
        check=f"{_TEST}; the function's log",
        cure="mend the function; <{log} shows its output|its log says what it raised>",
        command=_LOG,
        sources=("C20", "C22", "J7"),
    ),
    Rule(
        key="function-inactive",
        phase=Phase.FUNCTION,
        cause="the function cannot be run: its state is not Active, or its reserved concurrency is 0",
        symptom=REFUSED_UNASKED,
        check="aws lambda get-function-configuration: State; aws lambda get-function-concurrency",
        cure="let the function run: take its reserved concurrency away, or mend what keeps it from being Active",
        command="aws lambda delete-function-concurrency --function-name {function}< --region {region}>",
        sources=("B2", "C24"),
    ),
    Rule(
        key="function-denies",
        phase=Phase.FUNCTION,
        cause="the function answers isAuthenticated false",
        symptom=f"{REFUSED_ASKED}: it says no",
        check=f"{_TEST}: isAuthenticated",
        cure="send the credentials that the function expects<; the log of {function} has what it printed>",
        command=_LOG,
        sources=("C22", "F1"),
    ),
    Rule(
        key="password-encoding",
        phase=Phase.FUNCTION,
        cause="the function compares the password without decoding it, or the device encodes it once more: "
        "the event holds it in base64",
        symptom=f"{REFUSED_ASKED}: it says no",
        check=f"{_TEST} with the password decoded, and with it encoded once more",
        cure="send the password as it is, not in base64, and let the function decode what AWS encodes",
        command='password = base64.b64decode(event["protocolData"]["mqtt"]["password"]).decode() # in the function',
        sources=("A19",),
    ),
    Rule(
        key="function-reads-whole-username",
        phase=Phase.FUNCTION,
        cause="the function takes the whole user name, parameters included, for the user",
        symptom=f"{REFUSED_ASKED}: it says no",
        check=f"{_TEST} with the user part alone",
        cure="let the function cut the user name at its last ?",
        command='user = event["protocolData"]["mqtt"]["username"].rpartition("?")[0]',
        sources=("A5", "A18", "C9"),
    ),
    Rule(
        key="jwt-expired",
        phase=Phase.FUNCTION,
        cause="the JWT's exp lies in the past",
        symptom=f"{REFUSED_ASKED}: it says no",
        check="compare exp with the clock",
        cure="get a fresh JWT from its issuer, for every connection; and check this machine's clock",
        sources=("B18",),
    ),
    Rule(
        key="jwt-not-yet-valid",
        phase=Phase.FUNCTION,
        cause="the JWT's nbf or iat lies in the future",
        symptom=f"{REFUSED_ASKED}: it says no",
        check="compare nbf and iat with the clock",
        cure="check the clocks of this machine and of the issuer, and wait until the JWT is valid",
        sources=("B18",),
    ),
)
