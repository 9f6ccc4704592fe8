"""What the errors of TestInvokeAuthorizer mean (B26, B30, C20)."""

from __future__ import annotations

import re

from customauth.doctor.aws.case import Case, skipped, stopped
from customauth.doctor.aws.claims import expiry
from customauth.doctor.aws.clients import Refused
from customauth.doctor.finding import Certainty, Check
from customauth.rules.answer_texts import rule_of_answer

_NAME = "test-invoke-authorizer"
_RAISED = re.compile(r"Lambda function encountered error in execution:?\s*(?P<what>.*)", re.DOTALL | re.IGNORECASE)
_NOT_UNDERSTOOD = "invocation result is in invalid format"  # C20
_TIMED_OUT = re.compile(r"timed[ -]?out|time[ -]?out", re.IGNORECASE)


def explain_refusal(case: Case, refused: Refused) -> Check:
    """Say what an error of TestInvokeAuthorizer tells about the device's attempt."""
    if refused.code == "InvalidResponseException":
        return _invalid_response(case, refused.text or "")
    if refused.code == "InvalidRequestException":
        return _invalid_request(case, refused.text)
    return skipped(_NAME, refused.why)


def _invalid_request(case: Case, text: str | None) -> Check:
    """Read why AWS did not run the function (B26)."""
    authorizer = case.authorizer
    mismatch = text is not None and "signature mismatch" in text.lower()
    missing = text is None and authorizer is not None and not authorizer.signing_disabled
    if case.unverified and (mismatch or missing):
        return stopped(_NAME, detail="AWS says so too: it did not run the function, for the signature")
    if mismatch:
        evidence = "AWS itself says that the signature is not of this token by one of the authorizer's keys"
        return stopped(_NAME, case.finding("signature-mismatch", Certainty.CERTAIN, evidence))
    if missing:
        evidence = "AWS does not find token and signature in what the device sends"
        return stopped(_NAME, case.finding("signature-missing", Certainty.LIKELY, evidence))
    said = "no reason" if text is None else case.masking.line(text)
    return skipped(_NAME, f"AWS did not run the function: {said}")


def _invalid_response(case: Case, text: str) -> Check:
    """Read how the function failed, or what is wrong with its answer (B30, C20)."""
    said = case.masking.line(text)
    raised = _RAISED.search(text)
    if raised is None:
        rule = rule_of_answer(text)
        if rule == "answer-not-understood" and _NOT_UNDERSTOOD not in text:
            return stopped(_NAME, case.finding(rule, Certainty.LIKELY, f"AWS says: {said}"))
        return stopped(_NAME, case.finding(rule, Certainty.CERTAIN, f"AWS says of the function's answer: {said}"))
    if case.not_run:
        return stopped(_NAME, detail=f"the function was not run: {said}")
    what = case.masking.line(raised["what"]) or "it does not say why"
    if _TIMED_OUT.search(raised["what"]):
        return stopped(
            _NAME, case.finding("function-timeout", Certainty.CERTAIN, f"the function ran out of time: {what}")
        )
    evidence = f"the function fails with these very credentials: {what}"
    ended = expiry(case)
    if ended is None:
        return stopped(_NAME, case.finding("function-error", Certainty.CERTAIN, evidence))
    # A library for JWTs raises where a function could have said no.
    blames = "expir" in what.lower() or "not yet valid" in what.lower()
    certainties = (Certainty.CERTAIN, Certainty.LIKELY)
    of_token, of_function = certainties if blames else reversed(certainties)
    token = case.finding(ended.rule, of_token, f"{ended.evidence}, and the function fails: {what}")
    function = case.finding("function-error", of_function, evidence)
    return stopped(_NAME, *((token, function) if blames else (function, token)))
