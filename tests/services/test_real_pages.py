# SPDX-License-Identifier: Apache-2.0
"""Every real policy page, through the whole of a capture: minted or not, and audited."""

import pytest
from bench import accuracy

from archive.services.capturing.capture import Recorded, capture_many
from archive.services.context import Archive
from archive.services.upkeep.audit import AuditOptions, audit

pytestmark = pytest.mark.realdata


def test_real_pages_are_minted_by_their_labels_and_verify(archive: Archive) -> None:
    folder = accuracy.policies_folder()
    if not folder.is_dir():
        pytest.skip(f"NO REAL DATA at {folder}: set MUNIMENT_TEST_DATA")
    pages = list(accuracy.pages(folder))
    with accuracy.served([page.body for page in pages]) as base:
        urls = [f"{base}/{number}" for number in range(len(pages))]
        results = list(capture_many(archive, urls))
    minted = []
    for page, result in zip(pages, results, strict=True):
        assert isinstance(result, Recorded)
        look = result.signed.look
        assert (look.capture_id is not None) == (page.state == "ok"), (page.file, look.reason)
        if look.capture_id is not None:
            minted.append(look.capture_id.number)
    assert minted == list(range(1, len(minted) + 1))
    report = audit(archive, lambda _done, _total: None, AuditOptions("full", None, 1))
    assert (report.records, report.damages) == (len(pages), [])
