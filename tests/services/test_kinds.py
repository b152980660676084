# SPDX-License-Identifier: Apache-2.0
"""Every kind of look, good or failed, is stored so that a full audit finds it sound."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import (
    add_documents,
    add_refusals,
    audited,
    captured,
    failures,
    hasty_settings,
    new_archive,
    rebuilt,
    tables,
    unknowns,
)
from support.origin import Origin

from archive.services.context import Archive
from archive.services.verifying.verify import verify_observation, verify_record


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Archive]:
    opened = new_archive(hasty_settings(tmp_path / "data"))
    yield opened
    opened.close()


def test_every_kind_of_document_verifies_and_is_rebuilt(hasty: Archive, origin: Origin) -> None:
    for name, path in add_documents(origin).items():
        for _ in ("first", "unchanged"):
            look = captured(hasty, origin.url(path)).signed.look
            assert look.capture_id is not None, (name, look.outcome, look.reason)
            report = verify_record(hasty, look.capture_id)
            assert report.result.exit_code == 0, (name, failures(report), unknowns(report))
    assert audited(hasty).damages == []
    before = tables(hasty)
    assert rebuilt(hasty).left_out == []
    assert tables(hasty) == before


def test_every_kind_of_failed_look_is_kept_and_verifies(hasty: Archive, origin: Origin) -> None:
    wrong = []
    for name, (url, outcome) in add_refusals(origin).items():
        signed = captured(hasty, url).signed
        found = (signed.look.outcome.value, signed.look.capture_id)
        if found != (outcome, None):
            wrong.append((name, found, signed.look.reason))
        if signed.look.capture_id is not None:
            continue
        report = verify_observation(hasty, signed.statement_sha256)
        if report.result.exit_code != 0:
            wrong.append((name, failures(report), unknowns(report)))
    assert wrong == []
    assert audited(hasty).damages == []
    before = tables(hasty)
    assert rebuilt(hasty).left_out == []
    assert tables(hasty) == before
