# SPDX-License-Identifier: Apache-2.0
"""Whether the settings file keeps its secrets."""

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from archive.services.doctor.diagnosis import Diagnosis, fail, ok
from archive.services.upkeep.installation import Installation

_SECRET_NAME = re.compile(r"password|secret|token|passphrase$")
_PASSWORD_IN_URL = re.compile(r"://[^/@:]*:[^/@]+@")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Looks at the file's mode when a secret stands in it."""
    config = installation.config
    if config is None:
        yield ok("settings.file", "no settings file is used")
        return
    secrets = _secrets(tomllib.loads(config.read_text(encoding="utf-8")))
    if secrets and config.stat().st_mode & _OTHERS:
        yield fail(
            "settings.secrets",
            f"{config} holds {', '.join(secrets)}, and others may read it",
            f"run `chmod go= {config}`",
        )
    else:
        yield ok("settings.file", f"{config} was read and keeps its secrets")


def _secrets(tree: Mapping[str, Any]) -> list[str]:
    """The settings whose values are secrets: by their name, or a password in their URL."""
    return [
        f"{section}.{name}"
        for section, members in tree.items()
        if isinstance(members, dict)
        for name, value in members.items()
        if isinstance(value, str)
        and value
        and (_SECRET_NAME.search(name) or _PASSWORD_IN_URL.search(value))
    ]
