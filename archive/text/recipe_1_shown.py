# SPDX-License-Identifier: Apache-2.0
"""Recipe `text/1`, elements: which ones show their text, and which ones break lines.

Shown is every text node, except those of elements that never paint their text (`UNSHOWN`), and of
elements with the `hidden` attribute or an inline `display:none`, and closed dialogs. Exceptions,
because scripts undo them: `hidden=until-found`, the streamed parts of React (`hidden id="S:..."`),
html, body and main.
Style sheets are not read; aria-hidden text is shown.
"""

import re
from collections.abc import Mapping

from archive.text.recipe_1_main import AreaKind

_UNSHOWN_NAMES = """
script style noscript title desc metadata defs symbol annotation annotation-xml audio video canvas
iframe noembed noframes datalist
"""
_BLOCK_NAMES = """
html head body address article aside blockquote br caption center dd details dialog div dl dt
fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr legend li main
nav optgroup option p search section select summary table tbody template tfoot thead tr
"""
UNSHOWN = frozenset(_UNSHOWN_NAMES.split())
PRE = frozenset({"pre", "textarea", "listing", "xmp", "plaintext"})
LISTS = frozenset({"ol", "ul", "menu", "dir"})
CELLS = frozenset({"td", "th"})
LINKS = frozenset({"a", "button", "label", "option"})
BREAKS = PRE | LISTS | frozenset(_BLOCK_NAMES.split())
# The common elements that do nothing but break a line come first on the hot path.
_PLAIN_NAMES = "body br center dd div dl dt figcaption figure h2 h3 h4 h5 h6 hr p section tbody tr"
PLAIN_BREAKS = frozenset(_PLAIN_NAMES.split())
AREAS = {
    "main": AreaKind.MAIN,
    "article": AreaKind.ARTICLE,
    "nav": AreaKind.CHROME,
    "header": AreaKind.CHROME,
    "footer": AreaKind.CHROME,
    "aside": AreaKind.CHROME,
    "dialog": AreaKind.CHROME,
}
ROLES = {
    "main": AreaKind.MAIN,
    "navigation": AreaKind.CHROME,
    "banner": AreaKind.CHROME,
    "contentinfo": AreaKind.CHROME,
    "complementary": AreaKind.CHROME,
    "search": AreaKind.CHROME,
    "dialog": AreaKind.CHROME,
    "alertdialog": AreaKind.CHROME,
}
SPECIAL = BREAKS | CELLS | LINKS | frozenset({"h1", *AREAS})
_NEVER_HIDDEN = frozenset({"html", "body", "main"})
_DISPLAY_NONE = re.compile(r"(?:^|[;{\s])display\s*:\s*none", re.IGNORECASE)
_STREAMED_PART = re.compile(r"S:[0-9a-f]+")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}")


def has_shadow_root(attributes: Mapping[str, str]) -> bool:
    """Whether a template is a declared shadow tree, which is painted, not a stencil."""
    return "shadowrootmode" in attributes


def is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    """Whether the page marks an element as not shown."""
    if tag == "dialog" and "open" not in attributes:
        return True
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        if _STREAMED_PART.fullmatch(attributes.get("id", "")):
            return False
    elif "style" not in attributes or not _DISPLAY_NONE.search(attributes["style"]):
        return False
    return tag not in _NEVER_HIDDEN


def declared_language(attributes: Mapping[str, str]) -> str | None:
    """The language that the root element declares, when it is a language tag."""
    value = (attributes.get("lang") or attributes.get("xml:lang") or "").strip()
    return value if _LANGUAGE.fullmatch(value) else None
