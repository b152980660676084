# SPDX-License-Identifier: Apache-2.0
"""The archive's own plain citation: everything that a reader needs to check it, in one line."""

from archive.citation.base import Cited

NAME = "plain"


def cite(cited: Cited) -> str:
    """Who, “Title,” URL (captured TIME), archived at ARCHIVE, PERMALINK, SHA-256 HEX."""
    when = f"captured {cited.captured_at:%Y-%m-%d %H:%M:%S} UTC"
    if cited.warc_date is not None:
        when = f"imported; dated {cited.warc_date} by the file that was given"
    return (
        f"{cited.author}, “{cited.title},” {cited.url} ({when}), "
        f"archived at {cited.archive_name}, {cited.permalink}, SHA-256 {cited.sha256}."
    )
