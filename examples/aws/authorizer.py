"""A custom authorizer for AWS IoT Core; template.yaml deploys this very text.

It lets in a client whose token has a verified signature, and where signing is disabled a client that sends
the password in DEVICE_PASSWORD. The client may then use the topics below devices/<its client id>/.

In the local gateway: function = "authorizer.py:handler"
"""

import base64
import hmac
import os


def handler(event, context):
    # test-invoke-authorizer with a token alone sends no protocolData.
    mqtt = event.get("protocolData", {}).get("mqtt", {})
    return {
        "isAuthenticated": event["signatureVerified"] or knows_the_password(mqtt),
        # Letters and digits only; it names the client in AWS's logs.
        "principalId": "device",
        "refreshAfterInSeconds": 3600,
        "disconnectAfterInSeconds": 86400,
        "policyDocuments": [own_topics(context.invoked_function_arn)],
    }


def knows_the_password(mqtt):
    expected = os.environ.get("DEVICE_PASSWORD", "")
    sent = base64.b64decode(mqtt.get("password", ""))
    # Without a password to compare with, an empty one would be right.
    return expected != "" and hmac.compare_digest(sent, expected.encode())


def own_topics(function_arn):
    _, partition, _, region, account, *_ = function_arn.split(":")
    iot = f"arn:{partition}:iot:{region}:{account}"
    mine = "devices/${iot:ClientId}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": iot + ":client/${iot:ClientId}"},
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": f"{iot}:topic/{mine}"},
            {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{iot}:topicfilter/{mine}"},
        ],
    }
