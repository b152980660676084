# SPDX-License-Identifier: Apache-2.0
"""Finds text recipes by name. `text/<n>` is the module `recipe_<n>` of this folder.

Adding a recipe is adding one file; an old one is never edited, since the texts of old captures
must stay what their statements say they are.
"""

import functools
import importlib
import pkgutil
import re
from typing import Protocol, cast

import archive.text
from archive.errors import NotFound
from archive.model.text import Extraction
from archive.text.media import media_type

_MODULE = re.compile(r"recipe_([1-9][0-9]*)")
_NAME = re.compile(r"text/([1-9][0-9]{0,5})")


class Recipe(Protocol):
    """What a module `recipe_<n>` must offer."""

    NAME: str

    def extract(self, body: bytes, media_type: str, content_type: str | None) -> Extraction:
        """The text of a body; hostile input gives a flaw, never an error."""
        ...


@functools.cache
def names() -> tuple[str, ...]:
    """All recipe names, oldest first."""
    modules = (_MODULE.fullmatch(info.name) for info in pkgutil.iter_modules(archive.text.__path__))
    return tuple(f"text/{number}" for number in sorted(int(found[1]) for found in modules if found))


def latest() -> str:
    """The name of the recipe that new captures use."""
    return names()[-1]


def run(recipe_name: str, body: bytes, content_type: str | None) -> Extraction:
    """The text of a body by a named recipe.

    Raises:
        NotFound: there is no recipe of this name in this version of Muniment.
    """
    return _load(recipe_name).extract(body, media_type(body, content_type), content_type)


@functools.cache
def _load(recipe_name: str) -> Recipe:
    found = _NAME.fullmatch(recipe_name)
    if found is None or recipe_name not in names():
        known = f"this version has {', '.join(names())}" if names() else "ask `muniment verify`"
        raise NotFound(f"no text recipe {recipe_name!r} here: {known}")
    return cast("Recipe", importlib.import_module(f"archive.text.recipe_{found[1]}"))
