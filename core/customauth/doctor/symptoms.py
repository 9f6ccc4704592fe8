"""Which findings are only symptoms, and what explains them.

A refused login is seen as a refusal by the probe, as a name that nobody knows by AWS, and as a second ``?`` in the user
name by lint. Only the last of the three is worth mending.
"""

from __future__ import annotations

from collections.abc import Mapping

from customauth.rules import RULES, Phase

REFUSAL = "not-authorized"
"""What is left where nothing explains the refusal: the server gives no reason (F1, F3)."""

ON_THEIR_OWN = frozenset({"function-denies", "function-error"})
"""Symptoms that are causes as well, unless what explains them is at least as certain."""

_MANGLED = frozenset(
    {
        "username-wrapped",
        "double-question-mark",
        "question-mark-missing",
        "parameters-not-joined",
        "parameter-name-misspelt",
    }
)
_ALPN = frozenset({"alpn-missing", "alpn-wrong", "alpn-refused"})
_WRONG_PLACE = frozenset({"endpoint-is-address", "endpoint-not-data", "endpoint-of-another-account"})
_SPOILT = frozenset(
    {
        "signature-unencoded",
        "signature-spaces",
        "signature-double-encoded",
        "signature-in-header-encoded",
        "signature-base64url",
        "signature-line-breaks",
    }
)
_UNREADABLE = frozenset({"password-encoding", "function-reads-whole-username", "username-wrapped", "value-quoted"})
_JWT_TIMES = frozenset({"jwt-expired", "jwt-not-yet-valid"})


def _stopping(first: Phase, last: Phase) -> frozenset[str]:
    return frozenset(key for key, rule in RULES.items() if rule.stops and first <= rule.phase <= last)


_MISUSED = frozenset({"value-quoted", "placeholder-left"})
"""What stands in the place of a value, which then is wrong in one way or another."""


def _table() -> Mapping[str, frozenset[str]]:
    login = _stopping(Phase.DOMAIN, Phase.POLICY) - {REFUSAL}
    packet = _stopping(Phase.PACKET, Phase.PACKET) - {"no-connack", "not-mqtt"}
    signature = _stopping(Phase.SIGNATURE, Phase.SIGNATURE) - {"signature-mismatch"}
    domain = _stopping(Phase.DOMAIN, Phase.DOMAIN)
    misplaced = _WRONG_PLACE | {"wrong-port"}
    return {
        REFUSAL: login | packet | _ALPN | misplaced,
        "name-not-resolved": _WRONG_PLACE,
        "port-closed": frozenset({"wrong-port"}),
        "tcp-unreachable": frozenset({"wrong-port"}),
        "not-tls": frozenset({"wrong-port"}),
        "tls-failed": _ALPN | domain | misplaced,
        "tls-untrusted": frozenset({"endpoint-not-data"}),
        "tls-wrong-name": frozenset({"endpoint-is-address"}),
        "alpn-refused": frozenset({"alpn-wrong", "endpoint-not-data", "wrong-port"}),
        "sni-refused": _WRONG_PLACE | {"domain-disabled"},
        "upgrade-rejected": frozenset({"websocket-path"}) | domain | misplaced,
        "upgrade-forbidden": (login - {"not-authorized"}) | misplaced,
        "not-mqtt": _ALPN | misplaced,
        "no-connack": packet | login | _ALPN | misplaced,
        "client-id-refused": frozenset({"client-id-too-long", "client-id-empty", "client-id-reserved"}),
        "credentials-missing": _MANGLED,
        "authorizer-not-named": _MANGLED | {"credentials-missing", "parameters-misplaced"},
        "authorizer-not-found": _MANGLED | _MISUSED | {"authorizer-name-invalid"},
        "authorizer-name-invalid": _MISUSED | {"username-wrapped"},
        "token-key-name-mismatch": _MANGLED | {"token-unencoded"},
        "token-missing": _MANGLED | {"token-key-name-mismatch", "token-unencoded", "signature-unencoded"},
        "signature-missing": _MANGLED | {"signature-unencoded", "token-unencoded"},
        "signature-not-base64": _SPOILT | _MISUSED | {"signature-truncated", "username-wrapped"},
        "signature-truncated": _SPOILT | {"username-wrapped"},
        "signature-mismatch": signature | _MANGLED | _MISUSED,
        "signature-spaces": _MISUSED,
        "function-denies": _JWT_TIMES | _UNREADABLE,
        "function-error": _JWT_TIMES | _UNREADABLE,
        "policy-no-connect": frozenset({"answer-no-policies", "answer-policies"}),
        "policy-client-id": frozenset({"answer-no-policies", "answer-policies"}),
        "policy-subscribe": frozenset({"policy-topic-for-filter"}),
    }


EXPLAINED_BY: Mapping[str, frozenset[str]] = _table()
"""By symptom: the causes that explain it."""


def explains(cause: str, symptom: str) -> bool:
    """Say whether ``symptom`` is what a person sees of ``cause``."""
    return cause in EXPLAINED_BY.get(symptom, frozenset())
