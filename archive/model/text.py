# SPDX-License-Identifier: Apache-2.0
"""The text of a capture and the decisions that led to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CharsetDecision:
    """Which encoding the bytes were read in and why (WHATWG order).

    `source` is one of `bom`, `header`, `meta`, `default`, `guess`; `replacements` counts bytes
    sequences that the encoding could not read (each became U+FFFD).
    """

    encoding: str
    source: str
    replacements: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a recipe made of a body: the text, and facts about how it was reached.

    `text` is NFC and ends without a line break; `offsets` maps it to the document: each row is
    `(text_start, node_path)`, rising, where node_path is the XPath of the element whose words
    begin there. `hidden_chars` counts characters left out because the page marks them hidden.
    `flaw` names why there is no text (`no-text-layer`, `over-limit`, `unreadable`,
    `unsupported-type`), else None.
    """

    recipe: str
    text: str
    title: str | None
    language: str | None
    charset: CharsetDecision | None
    offsets: tuple[tuple[int, str], ...]
    hidden_chars: int
    flaw: str | None
