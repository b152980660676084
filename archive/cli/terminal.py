# SPDX-License-Identifier: Apache-2.0
"""What others named, as a terminal may be shown it: on one line, and without orders to it."""

import unicodedata

# Controls, what orders text about (bidi), unpaired surrogates, and the two other line ends.
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def one_line(text: object) -> str:
    r"""The text with every such character written as its escape (`\n`, `\x1b`, `\u202e`)."""
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _NOT_SHOWN
        else char
        for char in str(text)
    )
