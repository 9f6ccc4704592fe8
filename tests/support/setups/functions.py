"""The authorizer functions of the set-ups. Import as ``setups.functions``.

::

    FILES                           the two that work: who brings a verified token, and who knows the password
    answering(answer)               a function that lets everybody in with this answer
    allowing(*statements)           the answer that allows so much; ``{arn}`` stands for arn:aws:iot:REGION:ACCOUNT
    statement(action, *resources)
"""

from __future__ import annotations

import json
from typing import Any

_POLICY = """
def policy(context):
    region, account = context.invoked_function_arn.split(":")[3:5]
    arn = f"arn:aws:iot:{region}:{account}"
    own = "pumps/${iot:ClientId}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{arn}:client/*"},
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": f"{arn}:topic/{own}"},
            {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{arn}:topicfilter/{own}"},
        ],
    }
"""

SIGNED = f'''"""Lets in whoever brings a verified token."""
{_POLICY}

def handler(event, context):
    return {{
        "isAuthenticated": event["signatureVerified"],
        "principalId": "pump",
        "policyDocuments": [policy(context)],
    }}
'''

PASSWORD = f'''"""Lets in whoever knows the password."""

import base64
{_POLICY}

def handler(event, context):
    mqtt = event["protocolData"]["mqtt"]
    user = mqtt.get("username", "").partition("?")[0]
    password = base64.b64decode(mqtt.get("password", ""))
    return {{
        "isAuthenticated": user == "alice" and password == b"wonderland",
        "principalId": "meter",
        "policyDocuments": [policy(context)],
    }}
'''

JWT = f'''"""Lets in whoever brings a JWT that is not over yet."""

import base64
import json
import time
{_POLICY}

def handler(event, context):
    claims = event["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return {{
        "isAuthenticated": claims["nbf"] <= time.time() < claims["exp"],
        "principalId": "pump",
        "policyDocuments": [policy(context)],
    }}
'''

FILES = {"signed.py": SIGNED, "password.py": PASSWORD}


def password_function(check: str) -> str:
    """Return the function of ``meters`` with another line that decides; it has ``mqtt``, ``user`` and ``password``."""
    kept, _, rest = PASSWORD.partition('"isAuthenticated": ')
    return f'{kept}"isAuthenticated": {check},{rest.partition(",")[2]}'


def answering(answer: Any) -> str:
    """Return a function that always gives this answer; ``{arn}`` in its texts is filled in."""
    return f'''"""Answers the same to everybody."""

import json

ANSWER = json.loads({json.dumps(json.dumps(answer))})


def filled(value, arn):
    if isinstance(value, dict):
        return {{name: filled(item, arn) for name, item in value.items()}}
    if isinstance(value, list):
        return [filled(item, arn) for item in value]
    return value.replace("{{arn}}", arn) if isinstance(value, str) else value


def handler(event, context):
    region, account = context.invoked_function_arn.split(":")[3:5]
    return filled(ANSWER, f"arn:aws:iot:{{region}}:{{account}}")
'''


def statement(action: str | list[str], *resources: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """Return a statement of a policy; the resources are ``client/…``, ``topic/…``, ``topicfilter/…`` or ``*``."""
    named = [one if one == "*" else f"{{arn}}:{one}" for one in resources]
    return {"Effect": effect, "Action": action, "Resource": named} | more


def allowing(*statements: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return the answer that lets in with a policy of these statements; None leaves a member out."""
    answer = {
        "isAuthenticated": True,
        "principalId": "pump",
        "policyDocuments": [{"Version": "2012-10-17", "Statement": list(statements)}],
    } | changed
    return {name: value for name, value in answer.items() if value is not None}
