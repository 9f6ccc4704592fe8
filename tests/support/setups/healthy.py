"""Set-ups in which nothing is wrong. Import as ``setups.healthy``."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from aws_account_lambda import LambdaFunction
from setups import functions
from setups.captures import connect_packet
from setups.credentials import JWT_AUTHORIZER, NAMED, SIGNATURE, encoded, raw, signed
from setups.functions import allowing, answering, statement
from setups.keys import PUMPS
from setups.staging import (
    KEY_NAME,
    NAME,
    OWN_NAME,
    TOKEN,
    Case,
    Cloud,
    Place,
    jwt,
    sign,
    token_whose_signature_has,
)

_METRICS = "SDK=IoTDeviceSDK/Python&Platform=Unix&Metadata=(CRTVersion=0.35.1;IoTSDKVersion=1.31.0)"
_BASE64_PASSWORD = base64.b64encode(b"through the looking-glass").decode()


def _pumps(place: Place) -> list[str]:
    return place.signed()


def _half_encoded() -> str:
    token = token_whose_signature_has("+/")
    return f"?{NAMED}=pumps&{SIGNATURE}={quote(sign(token))}&{KEY_NAME}={token}"


def _unencoded() -> str:
    token = token_whose_signature_has("+/")
    return f"pump-7?{NAMED}=pumps&{SIGNATURE}={sign(token)}&{KEY_NAME}={token}"


_CASES: list[dict[str, Any]] = [
    {
        "name": "a signed token",
        "story": "A token, signed by the doctor with the private key; topics that the policy allows.",
        "cloud": Cloud(),
        "words": lambda place: [
            *place.reach(),
            *("-i", "pump-7", "--authorizer", "pumps", "--token-key-name", KEY_NAME),
            *("--token-file", place.file("token", TOKEN), "--sign-with", place.file("key.pem", PUMPS.private_pem)),
            *("--publish", "pumps/pump-7/state", "--subscribe", "pumps/pump-7/commands"),
        ],
    },
    {
        "name": "the account's default authorizer",
        "story": "User name and password without an authorizer's name; the account has a default.",
        "facts": ("A4", "A60"),
        "gateway": 'default_authorizer = "meters"',
        "cloud": Cloud(),
        "words": signed(lambda place: place.password()[2:]),
    },
    {
        "name": "a JWT",
        "story": "An RS256 JWT that lasts another hour.",
        "facts": ("B18",),
        "rest": JWT_AUTHORIZER,
        "files": {"jwt.py": functions.JWT},
        "cloud": Cloud(),
        "words": signed(
            lambda place: [
                *("--authorizer", "pumps", "--token-key-name", KEY_NAME),
                *("--jwt-file", place.file("jwt", jwt())),
                *place.public_key,
            ]
        ),
    },
    {
        "name": "a WebSocket with headers",
        "story": "MQTT over WebSocket, the credentials in the headers of the upgrade.",
        "facts": ("A26",),
        "cloud": Cloud(),
        "words": signed(_pumps, "--credentials-in", "headers", endpoint=f"wss://{NAME}"),
    },
    {
        "name": "a WebSocket with a query",
        "story": "MQTT over WebSocket, the credentials in the URL, as a browser sends them.",
        "facts": ("A27",),
        "words": signed(_pumps, "--credentials-in", "query", "-V", "3.1.1", endpoint=f"wss://{NAME}", key=True),
    },
    {
        "name": "MQTT 3.1.1",
        "story": "A device of MQTT 3.1.1 that keeps its session.",
        "facts": ("E1", "E37"),
        "cloud": Cloud(denied=("iot:DescribeEndpoint", "lambda:GetPolicy", "iot:TestInvokeAuthorizer")),
        "words": signed(_pumps, "-V", "3.1.1", "-c"),
    },
    {
        "name": "an SDK's metrics in the user name",
        "story": "The raw user name of the AWS SDK for Python, with what it appends of its own.",
        "facts": ("A7", "J1"),
        "cloud": Cloud(),
        "words": raw(lambda: f"?{NAMED}=pumps&{SIGNATURE}={encoded(sign(TOKEN))}&{KEY_NAME}={TOKEN}&{_METRICS}"),
    },
    {
        "name": "the slash that Python's quote leaves",
        "story": "The signature is encoded by urllib.parse.quote, which leaves / as it is.",
        "facts": ("A9",),
        "words": raw(_half_encoded, key=True),
    },
    {
        "name": "a signature without any encoding",
        "story": "The raw user name of an SDK that sends +, / and = of the signature as they are.",
        "facts": ("A14", "J2"),
        "words": raw(_unencoded, "--alpn", "mqtt"),
    },
    {
        "name": "no client id",
        "story": "An MQTT 5 device that lets the server choose its client id.",
        "facts": ("E6",),
        "words": lambda place: [*place.reach(), "-i", "", *place.signed()],
    },
    {
        "name": "a will with QoS 1",
        "story": "A retained will with QoS 1 that the policy allows.",
        "facts": ("D21",),
        "files": {"signed.py": answering(allowing(statement("iot:*", "*")))},
        "cloud": Cloud(),
        "words": signed(_pumps, "--will-topic", "pumps/pump-7/state", "--will-qos", "1", "--will-retain"),
    },
    {
        "name": "a domain of one's own on port 8883",
        "story": "A domain configuration for custom authentication over MQTT, on port 8883, without ALPN.",
        "facts": ("A55", "A57"),
        "port": 8883,
        "rest": f'[domain_configurations.field]\nserver_name = "{OWN_NAME}"\nauthentication_type = "CUSTOM_AUTH"\n'
        'application_protocol = "SECURE_MQTT"\ndefault_authorizer = "pumps"\nallow_authorizer_override = false\n',
        "cloud": Cloud(),
        "words": signed(lambda place: place.signed()[2:], "--alpn", "", endpoint=f"{OWN_NAME}:8883"),
    },
    {
        "name": "a captured CONNECT",
        "story": "The bytes of the CONNECT of a device, in hexadecimal digits.",
        "words": lambda place: [
            *place.reach(),
            *("--capture", place.file("connect.hex", connect_packet(place.username).hex(" "))),
        ],
    },
    {
        "name": "a password that looks like base64",
        "story": "A password that is base64 of something readable, and is meant so.",
        "facts": ("A19",),
        "files": {
            "password.py": functions.password_function(f'user == "alice" and password == b"{_BASE64_PASSWORD}"'),
        },
        "cloud": Cloud(),
        "words": signed(lambda place: place.password(password=_BASE64_PASSWORD)),
    },
    {
        "name": "what AWS reads otherwise, and works",
        "story": "A keep alive of 10 s, a timeout of the function of 30 s: AWS takes 30 s and 5 s.",
        "facts": ("E10", "C24"),
        "cloud": Cloud(functions={"pumps": LambdaFunction(timeout=30)}),
        "words": signed(_pumps, "-k", "10"),
    },
    {
        "name": "a token that nobody verifies",
        "story": "A device with a signed token and a password, at an authorizer with signing disabled.",
        "facts": ("B21",),
        "cloud": Cloud(),
        "words": signed(lambda place: [*place.password(), *place.signed()[2:]]),
    },
    {
        "name": "a token with quotes of its own",
        "story": "The token is a JSON text, signed and sent as it is.",
        "facts": ("A11",),
        "words": signed(lambda place: [*place.signed(token='"open sesame"'), *place.public_key]),
    },
    {
        "name": "a password with quotes of its own",
        "story": "A password that begins and ends with a quote.",
        "facts": ("A19",),
        "files": {"password.py": functions.password_function("user == 'alice' and password == b'\"wonderland\"'")},
        "words": signed(lambda place: place.password(password='"wonderland"')),
    },
    {
        "name": "an empty query",
        "story": "A Rust client that ends the user name with a ?, to the default authorizer.",
        "facts": ("A3",),
        "gateway": 'default_authorizer = "meters"',
        "words": lambda place: [
            *place.reach(),
            *("-i", "pump-7", "--from-username-file", place.file("username", "alice?")),
            *("--password-file", place.file("password", "wonderland")),
        ],
    },
]

CASES = tuple(Case(**given) for given in _CASES)
