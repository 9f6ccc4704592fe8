"""A Python authorizer that reads the claims of a JWT. Only the standard library is needed.

An RS256 JWT is a signed token: the authorizer's token is its first two parts, and AWS has verified the third, the
signature, with the authorizer's public key before this function is asked. What is left is to check the claims:
issuer, audience, times and subject. The subject is the client id, and the client may use its own topics only.

In the gateway (docs/gateway.md), public.pem being the key of who issues the JWTs:

    [authorizers.jwt]
    status = "ACTIVE"
    function = "jwt_claims.py:handler"
    token_key_name = "jwt"
    token_signing_public_keys = { key1 = "public.pem" }
    environment = { ISSUER = "https://id.example.com", AUDIENCE = "pumps" }

    customauth connect --authorizer jwt --token-key-name jwt --jwt-file device.jwt --client-id SUBJECT \
        --cafile ca/ca.pem localhost:8443

In AWS Lambda: runtime python3.13, handler jwt_claims.handler.
"""

import base64
import hashlib
import json
import logging
import os
import re
import time

# What may stand in a policy as it is: a "*" in a subject would open the topics of everybody.
SUBJECT = re.compile(r"[a-zA-Z0-9_-]{1,128}")


class Refused(Exception):
    """The token is not good enough; the message says why and holds nothing of the token."""


def handler(event, context):
    now = time.time()
    try:
        claims = checked_claims(event, now)
    except Refused as reason:
        logging.warning("refused: %s", reason)
        # Even a refusal needs a principal and a list of policies, or it counts as an invalid answer.
        return {"isAuthenticated": False, "principalId": "unknown", "policyDocuments": []}
    return {
        "isAuthenticated": True,
        # A subject may hold characters that a principal may not.
        "principalId": hashlib.sha256(claims["sub"].encode()).hexdigest(),
        # The function is asked again with the same token, and refuses it once it has expired.
        "refreshAfterInSeconds": 300,
        "disconnectAfterInSeconds": max(300, min(86400, int(claims["exp"] - now))),
        "policyDocuments": [own_topics(context.invoked_function_arn, claims["sub"])],
    }


def checked_claims(event, now):
    if not event["signatureVerified"]:
        raise Refused("no signature was verified; the authorizer must have signing enabled")
    claims = claims_of(event["token"])
    if claims.get("iss") != os.environ["ISSUER"]:
        raise Refused("another issuer (iss)")
    audience = claims.get("aud")
    if os.environ["AUDIENCE"] not in (audience if isinstance(audience, list) else [audience]):
        raise Refused("for another audience (aud)")
    if not is_time(claims.get("exp")) or claims["exp"] <= now:
        raise Refused("expired, or without an expiry (exp)")
    if "nbf" in claims and not (is_time(claims["nbf"]) and claims["nbf"] <= now):
        raise Refused("not valid yet (nbf)")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise Refused("the subject (sub) is no client id of 1 to 128 letters, digits, _ and -")
    return claims


def claims_of(token):
    header, _, payload = token.partition(".")
    try:
        parts = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, payload)]
    except ValueError:
        raise Refused("the token is not the first two parts of a JWT") from None
    if not all(isinstance(part, dict) for part in parts) or parts[0].get("alg") != "RS256":
        raise Refused("the token is not of an RS256 JWT")
    return parts[1]


def is_time(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def own_topics(function_arn, client_id):
    _, partition, _, region, account, *_ = function_arn.split(":")
    iot = f"arn:{partition}:iot:{region}:{account}"
    mine = f"devices/{client_id}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{iot}:client/{client_id}"},
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": f"{iot}:topic/{mine}"},
            {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{iot}:topicfilter/{mine}"},
        ],
    }
