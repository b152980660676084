# SPDX-License-Identifier: Apache-2.0
"""Exhibits of records of every kind are sound, and their READMEs hold as they stand."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks import remake
from attacks.forge import Forged
from pypdf import PdfWriter
from support.archives import failures, minted, page, published
from support.exhibits import LATER, follow_readme, verified
from support.keysets import key_row, root_row, signer
from support.origin import Origin
from support.origin import response as answer
from support.warcs import http, packed, response, write

from archive.bootstrap import init_archive, key_files, wire
from archive.ids import RecordId
from archive.model import exhibit as names
from archive.model.claim import Result
from archive.proofs.bag import open_bag
from archive.proofs.keyset_chain import KeysetChain
from archive.services.acts.correct import CorrectionWanted, correct
from archive.services.acts.restrict import Wanted, restrict
from archive.services.acts.supersede import supersede
from archive.services.context import Archive
from archive.services.exhibits.make import exhibit
from archive.services.exhibits.proofs import GivenLater
from archive.services.exhibits.readme import readme_text
from archive.services.exhibits.verify import evidence_of, keysets_of, record_of
from archive.services.imports.file import ImportOptions, import_file
from archive.services.imports.mint import Choice
from archive.services.keysets.propose import propose_first, sign
from archive.services.keysets.publish import publish_keyset
from archive.settings import Settings

URL = "https://site.example/terms"
STRANGER, OTHER_ROOT = signer(120), signer(121)
Make = Callable[[Archive, Origin, Path], RecordId]


def coded(archive: Archive, origin: Origin, _place: Path) -> RecordId:
    body = gzip.compress(page())
    origin.add("/gz", answer(body, headers={"Content-Encoding": "gzip"}))
    return minted(archive, origin.url("/gz"))


def revisit(archive: Archive, origin: Origin, _place: Path) -> RecordId:
    origin.page("/terms", page())
    minted(archive, origin.url("/terms"))
    return minted(archive, origin.url("/terms"))


def imported(archive: Archive, _origin: Origin, place: Path) -> RecordId:
    block = http(gzip.compress(page(), mtime=0), "Content-Encoding: gzip")
    path = write(place / "given.warc.gz", packed(response(URL, block)))
    wanted = ImportOptions("Somebody", choice=Choice((URL,)))
    [signed] = import_file(archive, path, wanted, lambda _done, _total: None).minting.minted
    assert signed.look.capture_id is not None
    return signed.look.capture_id


def without_text(archive: Archive, origin: Origin, _place: Path) -> RecordId:
    pdf = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(width=200, height=200)
    writer.write(pdf)
    origin.add("/it.pdf", answer(pdf.getvalue(), content_type="application/pdf"))
    return minted(archive, origin.url("/it.pdf"))


def with_custody(archive: Archive, origin: Origin, _place: Path) -> RecordId:
    origin.page("/one", page("One."))
    origin.page("/two", page("Two."))
    one, two = (minted(archive, origin.url(f"/{name}")) for name in ("one", "two"))
    restrict(archive, one, Wanted(None, "public", "under seal"), "operator")
    correct(archive, one, CorrectionWanted("the court is another one"), "operator")
    supersede(archive, one, two, "a better one", "operator")
    return one


KINDS = {
    "content-coding": coded,
    "revisit": revisit,
    "imported": imported,
    "no-text": without_text,
    "custody": with_custody,
}


def unpacked(archive: Archive, record: RecordId, place: Path) -> tuple[Path, Path]:
    """The exhibit as a file, and as a folder."""
    made = exhibit(archive, record)
    path = place / made.file_name
    made.write(path)
    with zipfile.ZipFile(path) as opened:
        opened.extractall(place)
    return path, place / made.bag.name


def assert_sound(archive: Archive, record: RecordId, place: Path) -> None:
    path, folder = unpacked(archive, record, place)
    roots = tuple(archive.pinned_roots)
    report = verified(path, roots)
    assert report.result is Result.VERIFIED, (failures(report), report.required_failed)
    held = follow_readme(folder, " ".join(roots))
    assert held.returncode == 0, held.stdout + held.stderr


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_exhibit_of_this_kind_of_record_is_sound(
    kind: str, archive: Archive, origin: Origin, tmp_path: Path
) -> None:
    record = KINDS[kind](archive, origin, tmp_path)
    published(archive)
    assert_sound(archive, record, tmp_path)


def test_with_two_of_three_root_keys_it_is_sound_under_two_of_them(
    settings: Settings, origin: Origin, tmp_path: Path
) -> None:
    holders = [signer(seed) for seed in (81, 82, 83)]
    settings.data.mkdir(parents=True)
    bundle = tmp_path / "first.json"
    keys = [one.public_key for one in holders]
    with_files = key_files(settings)
    unready = wire(settings)
    propose_first(unready, with_files, keys, 2, bundle)
    unready.close()
    for one in (holders[0], holders[2]):
        sign(bundle, one)
    pinned = wire(settings)
    assert publish_keyset(pinned, with_files, [bundle]).is_done
    pinned.close()
    archive, _ = init_archive(settings)
    origin.page("/terms", page())
    record = minted(archive, origin.url("/terms"))
    assert_sound(archive, record, tmp_path)
    [folder] = tmp_path.glob("evidence-*/")
    signed = [holders[0].public_key.keyid, holders[2].public_key.keyid]
    assert follow_readme(folder, " ".join(signed)).returncode == 0
    assert follow_readme(folder, signed[0]).returncode != 0
    archive.close()


@pytest.fixture(scope="module")
def forged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Forged, str]:
    return remake.sound(tmp_path_factory.mktemp("sound"))


def keysets_after(it: Forged, *by: object) -> None:
    """A second keyset, that makes a stranger's key one for statements, and his statement."""

    def change(content: dict[str, object]) -> None:
        content["root"] = {"threshold": 1, "keys": [root_row(OTHER_ROOT)]}
        content["keys"] = [*content["keys"], key_row(STRANGER)]  # type: ignore[misc]

    it.next_keyset(change, *by)  # type: ignore[arg-type]
    for key in (STRANGER, OTHER_ROOT):
        it.files[names.public_key_file(key.public_key.keyid)] = key.public_key.pem
    it.say(lambda one: one["predicate"]["signer"].update(keyid=STRANGER.public_key.keyid), STRANGER)


@pytest.mark.parametrize("is_honest", [True, False])
def test_the_readme_asks_each_keyset_for_the_root_keys_before_it(
    forged: tuple[Forged, str], tmp_path: Path, *, is_honest: bool
) -> None:
    it, root = forged[0].copy(), forged[1]
    keysets_after(it, *((it.root, OTHER_ROOT) if is_honest else (OTHER_ROOT,)))
    it.files[names.README] = readme_of(it, root, tmp_path / "first.zip")
    folder = opened(it, tmp_path)
    failed = failures(verified(folder, (root,)))
    assert failed == (set() if is_honest else {("key.chain", "KEYSET_CHAIN_BROKEN")})
    assert (follow_readme(folder, root).returncode == 0) is is_honest


def readme_of(it: Forged, root: str, path: Path) -> bytes:
    """The README that the archive's own code writes for such an exhibit."""
    path.write_bytes(it.zip())
    report = verified(path, (root,))
    with open_bag(path) as bag:
        versions, fault = keysets_of(bag)
        own = tuple(versions[0].open().roots)
        chain = KeysetChain(versions[:1], own, fault)
        gathered = evidence_of(bag, record_of(bag), chain, GivenLater(LATER))
        return readme_text("An archive", "", gathered, report).encode()


def opened(it: Forged, place: Path) -> Path:
    (place / "it.zip").write_bytes(it.zip())
    with zipfile.ZipFile(place / "it.zip") as packed_zip:
        packed_zip.extractall(place)
    return place / it.folder


def test_the_readme_does_not_join_a_part_that_was_split(
    forged: tuple[Forged, str], tmp_path: Path
) -> None:
    it = forged[0].copy()
    [name] = [one for one in it.files if one.startswith(f"{names.OBJECTS}body.")]
    whole = it.files[name]
    assert follow_readme(opened(it, tmp_path), forged[1]).returncode == 0
    it.files[name], it.files[f"{name}x"] = whole[:100], whole[100:]
    assert follow_readme(opened(it, tmp_path), forged[1]).returncode != 0
