# SPDX-License-Identifier: Apache-2.0
"""Makes the frozen attacks anew: `python -m attacks.remake`, in `tests/`.

Needed only when a format changed. The keys of the archive behind them are thrown away.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from attacks.forge import Forged
from attacks.logs import ATTACKS as LOGS
from attacks.logs import with_witness
from attacks.packages import BAGS, WARCS, ZIPS
from attacks.statements import ATTACKS
from attacks.tokens import ATTACKS as TOKENS
from attacks.tokens import with_token
from support.archives import minted, new_archive, page, settings_at
from support.exhibits import files_of
from support.origin import Origin

from archive.bootstrap import key_files
from archive.catalog.log import entries_between, entry_of
from archive.digests import sha256_hex
from archive.model import exhibit as names
from archive.services.exhibits.make import exhibit
from archive.signing.file import open_key, read_passphrase

FOLDER = Path(__file__).parent / "bundles"


def sound(place: Path) -> tuple[Forged, str]:
    """The exhibit that all others are made of, with that of another record, and the root."""
    settings = settings_at(place / "data")
    archive = new_archive(settings)
    files = key_files(settings)
    passphrase = read_passphrase(files.passphrase_file)
    root, manifest, log = (
        open_key(one, passphrase) for one in (files.root, files.manifest, files.log)
    )
    made = []
    with Origin() as origin:
        for path, words in (("/other", "No."), ("/terms", "We may share data with partners.")):
            origin.page(path, page(words))
            record = minted(archive, origin.url(path))
            packed = b"".join(exhibit(archive, record).bag.pieces())
            folder, kept = files_of(packed)
            bare = {n: d for n, d in kept.items() if n not in {names.PAGE, names.VERIFIER}}
            with archive.database.reading() as connection:
                index, _ = entry_of(connection, sha256_hex(bare[names.STATEMENT_FILE])) or (0, b"")
                logged = tuple(entries_between(connection, 0, index))
            made.append(Forged(folder, bare, root, manifest, log, logged))
    archive.close()
    # The second has a checkpoint to name, the first was captured before there was any.
    made[1].others["other"] = made[0]
    return made[1], archive.pinned_roots[0]


def bundles(it: Forged) -> Iterator[tuple[str, bytes]]:
    """Every attack by name."""
    yield "sound", it.zip()
    for name, (attack, _) in {**ATTACKS, **WARCS}.items():
        forged = it.copy()
        attack(forged)
        yield name, forged.zip()
    witnessed = it.copy()
    with_witness(witnessed)
    yield "witnessed", witnessed.zip()
    for name, (attack, _) in LOGS.items():
        forged = witnessed.copy()
        attack(forged)
        yield name, forged.zip()
    stamped = it.copy()
    with_token(stamped)
    yield "stamped", stamped.zip()
    for name, (attack, _) in TOKENS.items():
        forged = stamped.copy()
        attack(forged)
        yield name, forged.zip()
    for name, (pack, _) in {**ZIPS, **BAGS}.items():
        yield name, pack(it.copy())


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*"):
        old.unlink()
    with tempfile.TemporaryDirectory() as place:
        it, root = sound(Path(place))
        for name, data in bundles(it):
            (FOLDER / f"{name}.zip").write_bytes(data)
    (FOLDER / "root.keyid").write_text(f"{root}\n")


if __name__ == "__main__":
    main()
