"""Broken set-ups: authorizers, domain configurations, functions and policies. Import as ``setups.resources``."""

from __future__ import annotations

import base64
from typing import Any

from aws_account_lambda import LambdaFunction, permission
from customauth.testing.client_certificates import client_certificate
from setups.credentials import signed
from setups.functions import allowing, answering, password_function, statement
from setups.staging import OWN_NAME, PUMPS_AUTHORIZER, REGION, Case, Cloud, Place

WEST = "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com"
ANOTHER = "z9y8x7w6v5u4t3-ats.iot.eu-central-1.amazonaws.com"

_ALL = allowing(statement("iot:*", "*"))


def _pumps(place: Place) -> list[str]:
    return place.signed()


def _meters(place: Place) -> list[str]:
    return place.password()


def _with_certificate(place: Place) -> list[str]:
    made = client_certificate()
    return [
        *place.signed(),
        *("--cert", place.file("device.pem", made.certificate_pem), "--key", place.file("device.key", made.key_pem)),
    ]


_WORKING = Case(name="as it should be", story="", words=signed(_pumps))


def _domain(*lines: str, name: str = OWN_NAME) -> str:
    return "\n".join(["[domain_configurations.field]", f'server_name = "{name}"', *lines, ""])


def function(name: str, story: str, cause: str, source: str, *facts: str, **more: Any) -> dict[str, Any]:
    """Return a set-up whose mistake is in the function of ``pumps``, or of ``meters`` when it reads a password."""
    file, make = ("password.py", _meters) if "password = base64" in source else ("signed.py", _pumps)
    return {
        "name": name,
        "story": story,
        "cause": cause,
        "facts": facts,
        "files": {file: source},
        "cloud": Cloud(),
        "words": signed(make),
    } | more


def policy(name: str, story: str, cause: str, *statements: dict[str, Any], words: Any, **more: Any) -> dict[str, Any]:
    """Return a set-up whose mistake is in the policy that the function answers with."""
    source = answering(allowing(*statements))
    return {"name": name, "story": story, "cause": cause, "files": {"signed.py": source}, "words": words} | (
        {"cloud": Cloud()} | more
    )


_AUTHORIZERS: list[dict[str, Any]] = [
    {
        "name": "a letter less in the authorizer's name",
        "story": "The device names the authorizer pump; it is called pumps.",
        "cause": "authorizer-not-found",
        "facts": ("A60", "F1"),
        "cloud": Cloud(),
        "words": signed(lambda place: ["--authorizer", "pump", *place.signed()[2:]]),
    },
    {
        "name": "a letter less, with nobody to ask",
        "story": "The same, and the person has no access to the account.",
        "cause": "authorizer-not-found",
        "facts": ("F1",),
        "words": signed(lambda place: ["--authorizer", "pump", *place.signed()[2:]]),
    },
    {
        "name": "the authorizer's ARN",
        "story": "The device sends the authorizer's ARN in place of its name.",
        "cause": "authorizer-name-invalid",
        "facts": ("B1",),
        "words": signed(
            lambda place: ["--authorizer", f"arn:aws:iot:{REGION}:123456789012:authorizer/pumps", *place.signed()[2:]]
        ),
    },
    {
        "name": "the endpoint of another region",
        "story": "The device dials the account's endpoint in eu-west-1; the authorizer was made in eu-central-1.",
        "cause": "authorizer-not-found",
        "facts": ("A60", "B1"),
        "names": (WEST,),
        "region": "eu-west-1",
        "rest": PUMPS_AUTHORIZER.replace("authorizers.pumps", "authorizers.valves"),
        "lacks": ("pumps",),
        "cloud": Cloud(),
        "words": signed(_pumps, endpoint=WEST),
    },
    {
        "name": "created, and never made ACTIVE",
        "story": "create-authorizer was called without --status ACTIVE; the device speaks MQTT 3.1.1.",
        "cause": "authorizer-inactive",
        "facts": ("B9", "F3"),
        "rest": PUMPS_AUTHORIZER.replace('status = "ACTIVE"\n', ""),
        "cloud": Cloud(denied=("lambda:GetPolicy", "lambda:GetFunctionConfiguration", "logs:FilterLogEvents")),
        "words": signed(_pumps, "-V", "3.1.1"),
    },
    {
        "name": "a domain that decides for itself",
        "story": "The domain configuration lets meters decide and devices name no other; this one names pumps.",
        "cause": "override-not-allowed",
        "facts": ("A58", "A59"),
        "rest": _domain('default_authorizer = "meters"', "allow_authorizer_override = false"),
        "cloud": Cloud(),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "a domain configuration that is DISABLED",
        "story": "The domain configuration was disabled before its certificate was changed, and left so.",
        "cause": "domain-disabled",
        "facts": ("A61",),
        "rest": _domain('status = "DISABLED"'),
        "cloud": Cloud(),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "a domain for WebSockets",
        "story": "The domain configuration is for MQTT over WebSocket; the device speaks plain MQTT to it.",
        "cause": "domain-wrong-type",
        "facts": ("A53", "A54"),
        "rest": _domain('authentication_type = "CUSTOM_AUTH"', 'application_protocol = "MQTT_WSS"'),
        "cloud": Cloud(),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "a domain that wants a certificate too",
        "story": "The domain configuration is CUSTOM_AUTH_X509; the device has no certificate.",
        "cause": "client-certificate-needed",
        "facts": ("A63",),
        "rest": _domain('authentication_type = "CUSTOM_AUTH_X509"', 'application_protocol = "SECURE_MQTT"'),
        "cloud": Cloud(),
        "words": signed(_pumps, endpoint=OWN_NAME),
    },
    {
        "name": "a principal of the function's own",
        "story": "The function gives pump as principalId, where the domain wants the client certificate's id.",
        "cause": "principal-of-certificate",
        "facts": ("A65",),
        "rest": _domain('authentication_type = "CUSTOM_AUTH_X509"', 'application_protocol = "SECURE_MQTT"')
        + '[client_certificates.pump-7]\ncertificate = "device.pem"\nstatus = "ACTIVE"\n',
        "files": {"device.pem": client_certificate().certificate_pem},
        "cloud": Cloud(),
        "words": signed(_with_certificate, endpoint=OWN_NAME),
    },
    {
        "name": "the endpoint of a colleague's account",
        "story": "The endpoint is copied from a colleague's notes; it is another account's.",
        "cause": "endpoint-of-another-account",
        "facts": ("A47", "G7"),
        "names": (ANOTHER,),
        "lacks": ("pumps",),
        "cloud": Cloud(other=_WORKING),
        "words": signed(_pumps, endpoint=ANOTHER),
    },
]

_FUNCTIONS: list[dict[str, Any]] = [
    {
        "name": "no permission for AWS IoT",
        "story": "lambda add-permission was forgotten.",
        "cause": "function-not-permitted",
        "facts": ("F12", "G2"),
        "cloud": Cloud(functions={"pumps": LambdaFunction(permissions=())}),
        "words": signed(_pumps),
    },
    {
        "name": "a permission for the function's own ARN",
        "story": "--source-arn of add-permission is the function's ARN, as in the sample output of the tutorial.",
        "cause": "function-not-permitted",
        "facts": ("G2", "G3"),
        "cloud": Cloud(functions={"pumps": LambdaFunction(permissions=(permission(source_arn="{function}"),))}),
        "words": signed(_pumps),
    },
    {
        "name": "a permission for another authorizer",
        "story": "The authorizer was made again under another name; the permission is still for pumps-v1.",
        "cause": "function-not-permitted",
        "facts": ("G2", "G4"),
        "cloud": Cloud(functions={"pumps": LambdaFunction(permissions=(permission(source_arn="{authorizer}-v1"),))}),
        "words": signed(_pumps, "-V", "3.1.1"),
    },
    {
        "name": "the function is gone",
        "story": "The function was deployed anew under another name; the authorizer has the ARN of the old one.",
        "cause": "function-not-found",
        "facts": ("B2",),
        "cloud": Cloud(functions={"pumps": LambdaFunction(exists=False)}),
        "words": signed(_pumps),
    },
    {
        "name": "the function is throttled",
        "story": "The function's reserved concurrency was set to 0 to stop it for a while.",
        "cause": "function-inactive",
        "cloud": Cloud(functions={"pumps": LambdaFunction(concurrency=0)}),
        "words": signed(_pumps),
    },
    function(
        "a function that takes six seconds",
        "The function asks a slow user database; its own timeout of 30 s allows that.",
        "function-timeout",
        "import time\n" + answering(_ALL).replace("    region, account", "    time.sleep(6)\n    region, account"),
        "C24",
        "F11",
        cloud=Cloud(functions={"pumps": LambdaFunction(timeout=30)}),
    ),
    function(
        "the tutorial's function",
        "The function is the tutorial's, which reads the query string of an HTTP request that an MQTT login lacks.",
        "function-error",
        answering(_ALL).replace(
            "    region, account", '    event["protocolData"]["http"]["queryString"]\n    region, account'
        ),
        "C20",
        "J7",
    ),
    {
        "name": "a wrong password",
        "story": "The password was changed, and the device has the old one.",
        "cause": "function-denies",
        "facts": ("C22",),
        "cloud": Cloud(),
        "words": signed(lambda place: place.password(password="looking-glass")),
    },
    {
        "name": "a wrong password, with nobody to ask",
        "story": "The same, and the person has no access to the account.",
        "cause": "function-denies",
        "facts": ("F1",),
        "words": signed(lambda place: place.password(password="looking-glass")),
    },
    {
        "name": "a wrong password that looks like base64",
        "story": "The password is that of another user; it happens to be base64 of something readable.",
        "cause": "function-denies",
        "facts": ("C22",),
        "cloud": Cloud(),
        "words": signed(lambda place: place.password(password=base64.b64encode(b"looking-glass").decode())),
    },
    function(
        "a function that takes the password as it comes",
        "The function compares the password of the event, which is base64, with the password itself.",
        "password-encoding",
        password_function('user == "alice" and mqtt["password"] == "wonderland42"'),
        "A19",
        # It could be base64 itself: with another password nothing that AWS answers tells this from a wrong one.
        words=signed(lambda place: place.password(password="wonderland42")),
    ),
    {
        "name": "a device that encodes the password too",
        "story": "The device sends the password in base64, as it would in an HTTP header.",
        "cause": "password-encoding",
        "facts": ("A19",),
        "cloud": Cloud(),
        "words": signed(lambda place: place.password(password=base64.b64encode(b"wonderland").decode())),
    },
    function(
        "a function that compares the user name whole",
        "The function compares mqtt.username with the user's name, and forgets what follows the ?.",
        "function-reads-whole-username",
        password_function('mqtt["username"] == "alice" and password == b"wonderland"'),
        "A18",
    ),
]

_ANSWERS: list[dict[str, Any]] = [
    function(
        "an answer as for API Gateway",
        "The function wraps its answer in statusCode and body, as for API Gateway.",
        "answer-not-understood",
        answering({"statusCode": 200, "body": "{}"}),
        "C20",
    ),
    function(
        "a principal with a hyphen",
        "The function gives the device's name, pump-7, as principalId.",
        "answer-principal",
        answering(_ALL | {"principalId": "pump-7"}),
        "C15",
    ),
    function(
        "policyDocument",
        "The function gives one policyDocument, as a Lambda authorizer of API Gateway does.",
        "answer-policies",
        answering(allowing(policyDocuments=None, policyDocument={"Version": "2012-10-17", "Statement": []})),
        "C20",
    ),
    function(
        "a policy for every device",
        "The policy lists the topics of all two hundred devices and has more than 2048 characters.",
        "answer-policies",
        answering(allowing(statement("iot:*", *[f"topic/pumps/pump-{number}/*" for number in range(200)]))),
        "C15",
    ),
    function(
        "no policies",
        "The function says isAuthenticated and leaves the list of policies empty.",
        "answer-no-policies",
        answering(allowing(policyDocuments=[])),
        "C21",
    ),
    function(
        "refreshed every minute",
        "The function wants to be asked again after 60 seconds.",
        "answer-times",
        answering(_ALL | {"refreshAfterInSeconds": 60}),
        "C15",
        "H12",
    ),
]

_OWN = [
    statement("iot:Connect", "client/*"),
    statement(["iot:Publish", "iot:Receive"], "topic/pumps/pump-7/*"),
    statement("iot:Subscribe", "topicfilter/pumps/pump-7/*"),
]

_POLICIES: list[dict[str, Any]] = [
    policy(
        "no iot:Connect",
        "The policy allows to publish and to subscribe, and forgets to connect.",
        "policy-no-connect",
        *_OWN[1:],
        facts=("F13", "D2"),
        words=signed(_pumps),
    ),
    policy(
        "the thing's name in place of the client id",
        "The policy allows client/pump-7, the thing's name; the device adds a random suffix to its client id.",
        "policy-client-id",
        statement("iot:Connect", "client/pump-7"),
        *_OWN[1:],
        facts=("F13", "D3"),
        words=lambda place: [*place.reach(), "-i", "pump-7-4f1c", *place.signed()],
    ),
    policy(
        "persistent sessions are denied",
        "A Deny with iot:ConnectAttributes stands against persistent sessions; the device asks for one.",
        "policy-denies-connect",
        *_OWN,
        statement(
            "iot:Connect",
            "client/*",
            effect="Deny",
            Condition={"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}},
        ),
        facts=("D18", "D20"),
        words=signed(_pumps, "-V", "3.1.1", "-c"),
    ),
    policy(
        "a will that may not be published",
        "The will goes to a topic that the policy does not let the device publish to.",
        "policy-will",
        *_OWN,
        facts=("D21",),
        words=signed(_pumps, "--will-topic", "state/pump-7"),
    ),
    policy(
        "topic in place of topicfilter",
        "The policy allows iot:Subscribe on topic/….",
        "policy-topic-for-filter",
        *_OWN[:2],
        statement("iot:Subscribe", "topic/pumps/pump-7/*"),
        facts=("D3", "D6"),
        logs_in=True,
        words=signed(_pumps, "--subscribe", "pumps/pump-7/commands"),
    ),
    policy(
        "a filter that the policy does not hold",
        "The device subscribes to pumps/#; the policy allows its own topics.",
        "policy-subscribe",
        *_OWN,
        facts=("D6", "D22"),
        cloud=None,
        logs_in=True,
        words=signed(_pumps, "--subscribe", "pumps/#"),
    ),
    policy(
        "a topic of another device",
        "The device publishes to pumps/pump-8/state; the policy allows its own topics.",
        "policy-publish",
        *_OWN,
        facts=("D22",),
        logs_in=True,
        words=signed(_pumps, "--publish", "pumps/pump-8/state", "-V", "3.1.1"),
    ),
]

CASES = tuple(Case(**given) for given in (*_AUTHORIZERS, *_FUNCTIONS, *_ANSWERS, *_POLICIES))
