# SPDX-License-Identifier: Apache-2.0
"""Whether programs and modules are there that are not needed, but help."""

import importlib.util
import shutil
from collections.abc import Iterator

from archive.services.doctor.diagnosis import Diagnosis, ok, warn
from archive.services.upkeep.installation import Installation


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """Looks for each by its name."""
    if importlib.util.find_spec("isal"):
        yield ok("tools.isal", "WARC files are packed by isal")
    else:
        mend = "`pip install isal`, where there is one for this processor"
        yield warn("tools.isal", "WARC files are packed by zlib, which takes longer", mend)
    urls = [installation.settings.get("database", {}).get("url", ""), *installation.databases]
    if any(str(url).startswith("postgresql") for url in urls):
        if shutil.which("pg_dump"):
            yield ok("tools.pg_dump", "pg_dump is here")
        else:
            mend = "install the postgresql-client of the server's version"
            yield warn("tools.pg_dump", "pg_dump is not here: the jobs cannot be dumped", mend)
    if shutil.which("openssl"):
        yield ok("tools.openssl", "openssl is here, to check a record by hand")
    else:
        mend = "install openssl, if a record is to be checked without Muniment"
        yield ok("tools.openssl", f"openssl is not here: {mend}")
