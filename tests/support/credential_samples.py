"""Credentials as hypothesis draws them, and what can be read of an error. Import as ``credential_samples``.

::

    signature(byte=0x5A, size=256) -> str           the base64 of that many equal bytes
    signatures()                                    strategy: base64 of the sizes that RSA keys make
    awkward_text(min_size=0, max_size=24)           strategy: texts rich in what a grammar trips over
    key_names() signed_tokens() user_parts()        strategies: the parts of credentials
    custom_auths()                                  strategy: any valid CustomAuth
    texts_of(error) -> list[str]                    all that can be read of an error and its chain
"""

from __future__ import annotations

import base64
import traceback

from hypothesis import strategies as st

from customauth import CustomAuth, SignedToken


def signature(byte: int = 0x5A, size: int = 256) -> str:
    """Return the base64 of ``size`` equal bytes."""
    return base64.b64encode(bytes([byte]) * size).decode("ascii")


def signatures() -> st.SearchStrategy[str]:
    """Draw signatures as 2048-, 3072- and 4096-bit keys make them: few bytes, repeated, so that drawing is quick."""
    return st.builds(
        # The first byte keeps the base64 from looking like hexadecimal.
        lambda pattern, size: base64.b64encode(b"\xff" + (pattern * size)[: size - 1]).decode("ascii"),
        st.binary(min_size=1, max_size=9),
        st.sampled_from([256, 384, 512]),
    )


_AWKWARD = "%&?+#= /\\;:,.()*\"'<>[]{}|~-_\x00\x01\t\r\n\x7f\x80aZ09éλ日\u2028\ufeff\U0001f511"


def awkward_text(min_size: int = 0, max_size: int = 24) -> st.SearchStrategy[str]:
    """Draw texts of any characters but surrogates, the troublesome ones often."""
    awkward = st.text(st.sampled_from(_AWKWARD), min_size=min_size, max_size=max_size)
    return awkward | st.text(min_size=min_size, max_size=max_size)


def key_names() -> st.SearchStrategy[str]:
    """Draw token key names that :class:`SignedToken` takes."""
    return awkward_text(1).filter(lambda name: not name.lower().startswith("x-amz-") and name != "SDK")


def signed_tokens() -> st.SearchStrategy[SignedToken]:
    """Draw signed tokens."""
    return st.builds(SignedToken, key_name=key_names(), value=awkward_text(1), signature=signatures())


def user_parts() -> st.SearchStrategy[str]:
    """Draw user parts: any text without ``?`` and NUL."""
    return awkward_text().map(lambda text: text.replace("?", "").replace("\0", ""))


def custom_auths() -> st.SearchStrategy[CustomAuth]:
    """Draw valid credentials of every kind: signed, unsigned, with and without a name."""
    return st.builds(
        CustomAuth,
        authorizer=st.none() | awkward_text(1),
        username=user_parts(),
        password=st.none() | st.binary(max_size=40),
        token=st.none() | signed_tokens(),
    )


def texts_of(error: BaseException) -> list[str]:
    """Return what can be read of an error: its traceback as printed, and every error of its chain, shown or not."""
    texts = ["".join(traceback.format_exception(error))]
    chain: list[BaseException | None] = [error]
    while chain:
        link = chain.pop()
        if link is not None:
            texts += [str(link), repr(link)]
            chain += [link.__cause__, link.__context__]
    return texts
