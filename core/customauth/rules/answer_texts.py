"""Which rule an answer breaks, by the text that AWS has for it (C20)."""

from __future__ import annotations

_BY_TEXT = (
    ("encountered error in execution", "function-error"),
    ("at principalId failed", "answer-principal"),
    ("policyDocuments failed", "answer-policies"),
    ("at refreshAfterInSeconds failed", "answer-times"),
    ("at disconnectAfterInSeconds failed", "answer-times"),
)


def rule_of_answer(text: str) -> str:
    """Return the key of the rule; what AWS has no text of its own for, it did not understand."""
    return next((rule for part, rule in _BY_TEXT if part in text), "answer-not-understood")
