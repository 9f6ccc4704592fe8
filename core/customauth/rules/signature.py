"""The token, its signature and the keys: what is checked before the function is run (B20)."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import OTHERWISE, REFUSED_UNASKED

_SIGN = "customauth sign --key {private_key} --token-file {token_file}"
_SIGN_ENCODED = f"{_SIGN} --encoded"
_SEND_BOTH = (
    "send the token <as {token_key_name}=… >together with its signature, after the last ? of the user name, or both as "
    "headers or in the URL query"
)
_FORM = "look at the form of the signature as it arrives"
_VERIFY = "verify the signature with the authorizer's public keys"
_DESCRIBE = "aws iot describe-authorizer: "

SIGNATURE: tuple[Rule, ...] = (
    Rule(
        key="token-key-name-mismatch",
        phase=Phase.SIGNATURE,
        cause="the token travels under another name than the authorizer's token key name",
        symptom=REFUSED_UNASKED,
        check=f"compare the parameters' names with {_DESCRIBE}tokenKeyName",
        cure="send the token under the authorizer's token key name<, '{token_key_name}'><, not '{sent_key_name}'>",
        command="{token_key_name}=TOKEN",
        sources=("B3", "F8"),
    ),
    Rule(
        key="token-missing",
        phase=Phase.SIGNATURE,
        cause="the authorizer wants a signed token, and no token is sent",
        symptom=REFUSED_UNASKED,
        check=f"look for the authorizer's token key name among the parameters; {_DESCRIBE}signingDisabled",
        cure=_SEND_BOTH,
        command="{token_key_name}=TOKEN&x-amz-customauthorizer-signature=SIGNATURE",
        sources=("B3", "F8"),
    ),
    Rule(
        key="signature-missing",
        phase=Phase.SIGNATURE,
        cause="the authorizer wants a signed token, and no signature is sent",
        symptom=REFUSED_UNASKED,
        check=f"look for x-amz-customauthorizer-signature among the parameters; {_DESCRIBE}signingDisabled",
        cure=_SEND_BOTH,
        command=_SIGN_ENCODED,
        sources=("B20", "F8"),
    ),
    Rule(
        key="token-too-long",
        phase=Phase.SIGNATURE,
        cause="the token is longer than 6144 characters",
        symptom=REFUSED_UNASKED,
        check="count the token's characters",
        cure="keep the token within 6144 characters: take claims out of it (A21)",
        sources=("A21",),
    ),
    Rule(
        key="signature-too-long",
        phase=Phase.SIGNATURE,
        cause="the signature is longer than 2560 characters",
        symptom=REFUSED_UNASKED,
        check="count the signature's characters: of a 2048-bit key it has 344",
        cure="keep the signature within 2560 characters: send the signature alone, of the token alone (A21)",
        command=_SIGN,
        sources=("A21", "B17"),
    ),
    Rule(
        key="token-and-signature-exchanged",
        phase=Phase.SIGNATURE,
        cause="token and signature are exchanged: each travels in the other's place",
        symptom=REFUSED_UNASKED,
        check="compare their lengths: the signature of a 2048-bit key has 344 characters",
        cure="send the token under the authorizer's token key name, and what was made of it as "
        "x-amz-customauthorizer-signature",
        command="{token_key_name}=TOKEN&x-amz-customauthorizer-signature=SIGNATURE",
        sources=("A1", "B17"),
    ),
    Rule(
        key="signature-unencoded",
        phase=Phase.SIGNATURE,
        cause="the signature is not percent-encoded where its + is read as a blank, or its characters as separators",
        symptom=REFUSED_UNASKED,
        check="look for a raw + in the user name or the URL query",
        cure="percent-encode the signature, + as %2B, / as %2F and = as %3D: a raw + may be read as a blank, in a URL "
        "query it always is (A14)",
        command=_SIGN_ENCODED,
        sources=("A8", "A14", "A27", "J2"),
    ),
    Rule(
        key="signature-spaces",
        phase=Phase.SIGNATURE,
        cause="the signature holds blanks: a + of it was read as a blank on the way",
        symptom=REFUSED_UNASKED,
        check=_FORM,
        cure="percent-encode the signature, + as %2B: a raw + was read as a blank on the way (A14)",
        command=_SIGN_ENCODED,
        sources=("A8", "A14"),
    ),
    Rule(
        key="signature-double-encoded",
        phase=Phase.SIGNATURE,
        cause="the signature is percent-encoded twice: %25 in it",
        symptom=REFUSED_UNASKED,
        check=f"{_FORM}: a % is left after decoding it once",
        cure="percent-encode the signature once, not twice (A8): give it raw to a library that encodes by itself, as "
        "AWS's SDKs do",
        command=_SIGN_ENCODED,
        sources=("A8", "A10"),
    ),
    Rule(
        key="signature-in-header-encoded",
        phase=Phase.SIGNATURE,
        cause="the signature is percent-encoded in a header, where it travels raw",
        symptom=REFUSED_UNASKED,
        check=f"{_FORM}: a % in the header",
        cure="send the signature as it is in a header, without percent-encoding (A26)",
        command=_SIGN,
        sources=("A26",),
    ),
    Rule(
        key="signature-base64url",
        phase=Phase.SIGNATURE,
        cause="the signature is base64url, as a JWT has it, where AWS reads standard base64",
        symptom=REFUSED_UNASKED,
        check=f"{_FORM}: - and _ are of base64url",
        cure="encode the signature as standard base64, not base64url (B17): + for -, / for _, and = to a multiple of 4",
        command="python3 -c 'import base64, sys; "
        'print(base64.b64encode(base64.urlsafe_b64decode(sys.argv[1] + "==")).decode())\' '
        '"<$(cat {signature_file})|$SIGNATURE>"',
        sources=("B17", "B18"),
    ),
    Rule(
        key="signature-line-breaks",
        phase=Phase.SIGNATURE,
        cause="the signature holds line ends, as openssl base64 puts them in",
        symptom=REFUSED_UNASKED,
        check=f"{_FORM}: line ends or %0A in it",
        cure="take the line ends out of the signature: openssl base64 -A writes it in one",
        command="openssl dgst -sha256 -sign {private_key} {token_file} | openssl base64 -A",
        sources=("B17",),
    ),
    Rule(
        key="signature-truncated",
        phase=Phase.SIGNATURE,
        cause="the signature is cut off, or lacks the = at its end",
        symptom=REFUSED_UNASKED,
        check=f"{_FORM}: its length is no multiple of 4, or not that of the key",
        cure="send the whole signature, with its = at the end: that of a 2048-bit key has 344 characters (B17)",
        command=_SIGN,
        sources=("A21", "B17"),
    ),
    Rule(
        key="signature-not-base64",
        phase=Phase.SIGNATURE,
        cause="the signature is not base64, but hexadecimal, raw bytes or something else",
        symptom=REFUSED_UNASKED,
        check=_FORM,
        cure="encode the signature's bytes as standard base64 (B17)",
        command="openssl dgst -sha256 -sign {private_key} {token_file} | openssl base64 -A",
        sources=("A21", "B17"),
    ),
    Rule(
        key="signature-mismatch",
        phase=Phase.SIGNATURE,
        cause="the signature is not one of this token by a key of the authorizer",
        symptom=REFUSED_UNASKED,
        check=_VERIFY,
        cure="sign exactly the token that is sent, without a line end, with the private key of <{keys}|one of the "
        "authorizer's public keys>, by RSA PKCS#1 v1.5 with SHA-256",
        command=_SIGN,
        sources=("B17", "B19", "B20"),
    ),
    Rule(
        key="token-newline",
        phase=Phase.SIGNATURE,
        cause="the signature is over the token and a line end or blank, which is not sent",
        symptom=REFUSED_UNASKED,
        check=f"{_VERIFY}, of the token with a line end",
        cure="sign and send the token without white space around it (B17), such as the line end of echo",
        command='printf %s "<$(cat {token_file})|$TOKEN>" | openssl dgst -sha256 -sign {private_key} '
        "| openssl base64 -A",
        sources=("B17",),
    ),
    Rule(
        key="token-unencoded",
        phase=Phase.SIGNATURE,
        cause="the token, or its name, holds &, ?, %, # or + that is not percent-encoded, and is cut or changed there",
        symptom=REFUSED_UNASKED,
        check="look for those characters in the token; verify the signature with the token as AWS reads it",
        cure="percent-encode the token in a user name or a URL query, and sign it as it is before that (A11, A15)",
        command="python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=\"\"))' "
        '"<$(cat {token_file})|$TOKEN>"',
        sources=("A11", "A15"),
    ),
    Rule(
        key="token-double-encoded",
        phase=Phase.SIGNATURE,
        cause="the token that AWS reads and the one that was signed differ by a percent-encoding",
        symptom=REFUSED_UNASKED,
        check=f"{_VERIFY}, of the token encoded once more and once less",
        cure="percent-encode the token once, and sign it as it is before that (A15)",
        command=_SIGN,
        sources=("A11", "A15"),
    ),
    Rule(
        key="jwt-not-rs256",
        phase=Phase.SIGNATURE,
        cause="the JWT is signed with another algorithm than RS256, and AWS verifies no other",
        symptom=REFUSED_UNASKED,
        check="read alg in the JWT's header",
        cure="let the issuer sign with RS256<, not {algorithm}>; an HMAC or ECDSA signature cannot be verified by AWS "
        "(B17), the function alone could do that, of an authorizer with signing disabled",
        sources=("B7", "B17", "B18"),
    ),
    Rule(
        key="jwt-whole-as-token",
        phase=Phase.SIGNATURE,
        cause="the whole JWT is sent as the token, its own signature too, where that is over its first two segments",
        symptom=REFUSED_UNASKED,
        check="count the segments of the token; verify the signature with the first two",
        cure="send the first two segments of the JWT, joined by the dot, as the token, and the third as the signature "
        "in standard base64 (B18)",
        command="customauth connect {endpoint} --authorizer {authorizer} --token-key-name {token_key_name} "
        "--jwt-file {token_file}",
        sources=("B18",),
    ),
    Rule(
        key="signing-disabled",
        phase=Phase.SIGNATURE,
        cause="signing is disabled for the authorizer, and nobody verifies the signature that is sent",
        symptom=f"{OTHERWISE}: the event has signatureVerified false and no token",
        check=f"{_DESCRIBE}signingDisabled",
        cure="leave token and signature out, or create the authorizer anew with signing: that cannot be changed (B10)",
        command="aws iot create-authorizer --authorizer-name {authorizer} --authorizer-function-arn FUNCTION_ARN "
        '--token-key-name {token_key_name} --token-signing-public-keys key1="$(cat public.pem)" --status ACTIVE',
        sources=("B10", "B21"),
        stops=False,
    ),
    Rule(
        key="signing-key-weak",
        phase=Phase.SIGNATURE,
        cause="the public key is not RSA, or has fewer than 2048 bits",
        symptom=f"{REFUSED_UNASKED}; or AWS does not take the key",
        check="read the key's type and size",
        cure="make an RSA key of 2048 bits, give its public half to the authorizer, and sign with it",
        command="customauth keygen --bits 2048",
        sources=("B7", "B8"),
    ),
    Rule(
        key="private-key-given",
        phase=Phase.SIGNATURE,
        cause="the file that is given as a public key holds a private key, or no PEM",
        symptom=f"{REFUSED_UNASKED}; or AWS does not take the key",
        check="read the file's first line",
        cure="give the public key, which begins with -----BEGIN PUBLIC KEY----- on a line of its own",
        command="openssl pkey -in {private_key} -pubout -out public.pem",
        sources=("B8",),
    ),
)
