# SPDX-License-Identifier: Apache-2.0
"""Any one byte of an exhibit that is not what it was is noticed, and the finding names a place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.archives import minted, new_archive, page, settings_at
from support.exhibits import files_of, packed, verified
from support.origin import Origin

from archive.model import exhibit as names
from archive.model.claim import Report, Result, Status
from archive.services.exhibits.make import exhibit

_SAMPLED = 211  # every so manieth byte in the fast run; the slow one takes them all


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """An exhibit without the verifiers, which are no evidence, and its root."""
    place = tmp_path_factory.mktemp("small")
    opened = new_archive(settings_at(place / "data"))
    with Origin() as origin:
        origin.page("/terms", page())
        record = minted(opened, origin.url("/terms"))
    folder, files = files_of(b"".join(exhibit(opened, record).bag.pieces()))
    kept = {name: data for name, data in files.items() if name not in {names.PAGE, names.VERIFIER}}
    yield packed(folder, kept), tuple(opened.pinned_roots)
    opened.close()


def unnoticed(data: bytes, roots: tuple[str, ...], place: Path, places: range) -> list[int]:
    """The places at which another byte changed nothing, or was noticed and not named."""
    found = []
    for offset in places:
        mutated = bytearray(data)
        mutated[offset] ^= 1 << (offset % 8)
        place.write_bytes(mutated)
        report = verified(place, roots)
        if report.result is Result.VERIFIED or not _named(report):
            found.append(offset)
    return found


def _named(report: Report) -> bool:
    first = report.findings[0]
    return (first.claim, bool(first.target), bool(first.code)) == ("package.form", True, True)


def test_any_one_byte_of_a_sample_is_noticed_and_named(
    small: tuple[bytes, tuple[str, ...]], tmp_path: Path
) -> None:
    data, roots = small
    assert unnoticed(data, roots, tmp_path / "it.zip", range(0, len(data), _SAMPLED)) == []


@pytest.mark.slow
def test_any_one_byte_is_noticed_and_named(
    small: tuple[bytes, tuple[str, ...]], tmp_path: Path
) -> None:
    data, roots = small
    assert unnoticed(data, roots, tmp_path / "it.zip", range(len(data))) == []


def test_one_damaged_file_gives_one_finding_that_fails(
    small: tuple[bytes, tuple[str, ...]], tmp_path: Path
) -> None:
    data, roots = small
    folder, files = files_of(data)
    for name, content in files.items():
        place = tmp_path / "it"
        for other, kept in files.items():
            path = place / other
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(kept if other != name else content + b"x")
        failed = [f for f in verified(place, roots).findings if f.status is Status.FAIL]
        assert [f.claim for f in failed] == ["package.form"], (name, failed)
        assert folder
