"""Policy documents from files: one document each, or the whole answer of an authorizer's function."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from customauth.cli.misuse import Misuse


@frozen(kw_only=True)
class Document:
    """A policy document that was given.

    :ivar name: the file, and which of an answer's documents it is.
    :ivar content: JSON text, or the object that it holds, as it would be in an answer.
    """

    name: str
    content: str | dict[str, object]


def read_documents(files: Sequence[str]) -> list[Document]:
    """Read files; ``-`` is standard input.

    :raises Misuse: one cannot be read, or is neither a policy document nor an answer with policyDocuments.
    """
    if files.count("-") > 1:
        raise Misuse("standard input is given twice", "give - once")
    return [document for file in files for document in _read(file)]


def _read(file: str) -> list[Document]:
    from customauth.policy import read_json

    name = "standard input" if file == "-" else file
    try:
        text = (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8-sig")
    except OSError as error:
        raise Misuse(f"{name}: {error.strerror or error}", "name a file that can be read") from error
    except UnicodeDecodeError as error:
        raise Misuse(f"{name}: it is not UTF-8", "save it as UTF-8") from error
    try:
        content = read_json(text)
        if isinstance(content, str):
            content = read_json(content)
    except ValueError as error:
        raise Misuse(f"{name}: it is not JSON: {error}", "give a policy document or an authorizer's answer") from error
    if not isinstance(content, dict):
        raise Misuse(f"{name}: it is no JSON object", "give a policy document or an authorizer's answer")
    if "policyDocuments" not in content:
        return [Document(name=name, content=content)]
    documents = content["policyDocuments"]
    if not isinstance(documents, list):
        raise Misuse(f"{name}: policyDocuments is no list", "give an answer whose policyDocuments is a list")
    found = []
    for index, document in enumerate(documents):
        if not isinstance(document, str | dict):
            raise Misuse(f"{name}: policyDocuments[{index}] is no document", "give each as an object or as JSON text")
        found.append(Document(name=f"{name} policyDocuments[{index}]", content=document))
    return found
