# SPDX-License-Identifier: Apache-2.0
"""Every WARC and ARC sample of the real data, and what an import makes of it.

Rows that differ from what warcio 1.8.1 does say why; all others give what INDEX.json says.
"""

import io
import json
import os
import pathlib
from dataclasses import dataclass, field

import pytest
from support.warcs import source

from archive.importing.base import Begin, Source
from archive.importing.forms import READ_IN_PLACE, form_of
from archive.importing.index import IndexedGroup, index_source
from archive.importing.repack import repack
from archive.model.imported import Flaw

pytestmark = pytest.mark.realdata

DATA = pathlib.Path(os.environ.get("MUNIMENT_TEST_DATA", "../shared/data"))
SOURCE = "cd" * 32


@dataclass(frozen=True)
class Expected:
    """Records of all types, index rows, and flaws as `(record, offset, code, is_end)`."""

    form: str
    records: int
    rows: int
    flaws: list[tuple[int, int, str, bool]] = field(default_factory=list)


PLAIN, PACKED = "warc", "warc.gz"
SAMPLES = {
    "warcio/example.warc": Expected(PLAIN, 6, 2),
    "warcio/example.warc.gz": Expected(PACKED, 6, 2),
    "warcio/example.arc": Expected("arc", 2, 1),
    "warcio/example.arc.gz": Expected("arc.gz", 2, 1),
    "warcio/post-test.warc.gz": Expected(PACKED, 6, 3),
    "warcio/example-resource.warc.gz": Expected(PACKED, 3, 1),
    "warcio/example-iana.org-chunked.warc": Expected(PLAIN, 3, 1),
    # Four requests: they have no index row, and the digest of the first is none.
    "warcio/example-digest.warc": Expected(PLAIN, 4, 0, [(1, 0, "WARC_PAYLOAD_DIGEST", False)]),
    # More lenient than warcio, which refuses after the first record: packed anew, all six are
    # read. The block digest of the revisit is false; warcio does not come so far.
    "warcio/example-bad-non-chunked.warc.gz": Expected(
        "warc.gz-shared", 6, 2, [(5, 2567, "WARC_BLOCK_DIGEST", False)]
    ),
    "warcio/example-bad.warc.gz.bad": Expected("warc.gz-shared", 6, 3),
    "warcio/example-space-in-target-uri.warc.gz": Expected(
        PACKED, 2, 1, [(2, 241, "WARC_TARGET_URI", False)]
    ),
    # Stricter than warcio, which gives a record that is twelve bytes shorter than its line says.
    "warcio/example-space-in-url.arc": Expected("arc", 1, 0, [(2, 151, "WARC_PARSE", True)]),
    # cdx-indexer has a row for the metadata record as well; the index is of what was received.
    "warcio/example-wget-bad-target-uri.warc.gz": Expected(PACKED, 6, 3),
    # Stricter than warcio, which takes lengths of -1 and "abc": no record can be told.
    "warcio/bad.arc": Expected("arc", 0, 0, [(1, 0, "WARC_PARSE", True)]),
    # Stricter than warcio, which looks for the next record behind a block that is longer than
    # declared, and so shows records that other readers (fastwarc) do not.
    "pywb/example.warc": Expected(PLAIN, 4, 2, [(5, 4061, "WARC_PARSE", True)]),
    "pywb/example.warc.gz": Expected(PACKED, 6, 3),
    "pywb/example2.warc.gz": Expected(PACKED, 3, 1),
    # Stricter than warcio, for the same reason: the revisit lacks its closing line ends.
    "pywb/example-extra.warc": Expected(PLAIN, 2, 1, [(3, 2701, "WARC_PARSE", True)]),
    "pywb/example-wget-1-14.warc.gz": Expected(PACKED, 6, 4),
    "pywb/example-wpull.warc.gz": Expected(PACKED, 4, 2),
    "pywb/httpbin-resource.warc.gz": Expected(PACKED, 1, 1),
    "pywb/iana.warc.gz": Expected(PACKED, 343, 171),
    "pywb/dupes.warc.gz": Expected(PACKED, 25, 12),
    # These two are compressed, whatever their names say.
    "py-wacz/example-collection.warc": Expected(PACKED, 4, 1),
    "py-wacz/example-resource.warc.gz": Expected(PACKED, 3, 2),
    "py-wacz/example-warcinfo-metadata.warc": Expected(PACKED, 4, 1),
    "jwarc/cc.warc.gz": Expected(PACKED, 1, 1),
}
# Where the rows above say that warcio, or pywb's cdx-indexer, gives another count.
OTHER_RECORDS = {
    "warcio/example-bad-non-chunked.warc.gz",
    "warcio/example-bad.warc.gz.bad",
    "warcio/example-space-in-url.arc",
    "warcio/bad.arc",
    "pywb/example.warc",
    "pywb/example-extra.warc",
}
OTHER_ROWS = OTHER_RECORDS | {"warcio/example-wget-bad-target-uri.warc.gz"}


def sample(name: str) -> Source:
    path = DATA / "warc" / name
    if not path.is_file():
        pytest.skip(f"REAL DATA MISSING: {path} (set MUNIMENT_TEST_DATA)")
    return source(path.read_bytes())


def read(name: str) -> tuple[str, IndexedGroup, list[Flaw]]:
    """The form, what was indexed, and every flaw of the file or of what was packed from it."""
    given = sample(name)
    form = form_of(given)
    if form in READ_IN_PLACE:
        (group,) = index_source(given, Begin(), given.size)
        return form, group, group.flaws
    out = io.BytesIO()
    flaws = list(repack(given, form, SOURCE, out))
    (group,) = index_source(source(out.getvalue()), Begin(), out.tell())
    return form, group, flaws + group.flaws


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_behaves_as_its_row_says(name: str) -> None:
    form, group, flaws = read(name)
    found = [(flaw.record, flaw.offset, flaw.code, flaw.is_end) for flaw in flaws]
    assert Expected(form, group.records, len(group.rows), found) == SAMPLES[name]


def test_the_rows_are_those_of_the_folder_and_agree_with_what_its_index_says() -> None:
    sample("warcio/example.warc")
    files = {
        entry["path"].removeprefix("warc/"): entry["expected"]
        for entry in json.loads((DATA / "INDEX.json").read_text())["files"]
        if entry["path"].startswith("warc/")
    }
    assert set(files) == set(SAMPLES)
    for name, expected in files.items():
        theirs = expected["warcio_index"]["rows"], expected["pywb_cdx_indexer_rows"]
        ours = SAMPLES[name].records, SAMPLES[name].rows
        assert (ours[0] != theirs[0]) == (name in OTHER_RECORDS), name
        assert (ours[1] != theirs[1]) == (name in OTHER_ROWS), name


def test_digests_are_those_that_the_crawler_wrote() -> None:
    from warcio.archiveiterator import ArchiveIterator

    path = DATA / "warc" / "pywb/iana.warc.gz"
    _, group, _ = read("pywb/iana.warc.gz")
    with path.open("rb") as file:
        stated = [
            item.rec_headers.get_header("WARC-Payload-Digest")
            for item in ArchiveIterator(file, no_record_parse=True)
            if item.rec_type in {"response", "revisit"}
        ]
    assert [f"sha1:{row.sha1}" for row in group.rows] == stated
