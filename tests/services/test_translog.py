# SPDX-License-Identifier: Apache-2.0
"""The log's room on a real catalogue and store: tiles, checkpoints, and what makes it stop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.golang import build_sumdb, sumdb_says
from support.logwork import (
    append,
    assert_one_history,
    begun,
    entry,
    log_at,
    publish_at,
    sign,
)
from support.notes import ORIGIN, log_key, private_key, signed, witness_key, witness_line

from archive.catalog import log as rows
from archive.catalog.database import Database
from archive.errors import LogForkDetected, LogKeyMissing, LogStopped
from archive.proofs.checkpoint import Checkpoint, SignedCheckpoint
from archive.proofs.log_layout import LATEST, checkpoint_key, tile_key
from archive.proofs.merkle import (
    TreeHead,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)
from archive.proofs.note import NoteSignature
from archive.proofs.tiles import Tile
from archive.storage.base import WholeStore
from archive.storage.file import FileStore
from archive.storage.open import open_store
from archive.translog.base import Log
from archive.translog.edge import Edge
from archive.translog.integrate import integrate
from archive.translog.prove import Tiles
from archive.translog.publish import add_cosignatures, publish


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    plain = Database(f"sqlite:///{tmp_path}/catalog.sqlite")
    plain.migrate()
    plain.close()
    opened = begun(f"sqlite:///{tmp_path}/catalog.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> WholeStore:
    return open_store(f"file:{tmp_path}/store")


def grow(database: Database, count: int) -> None:
    with database.reading() as connection:
        head = rows.log_head_of(connection)
    assert head is not None
    append(database, [f"entry {head.appended + n}" for n in range(count)])


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(entry(f"entry {n}").to_bytes()) for n in range(count)]


def altered(database: Database, **values: object) -> None:
    """What somebody with root in the database may write into the log's head."""
    named = ", ".join(f"{name} = :{name}" for name in values)
    with database.writing() as connection:
        connection.execute(sa.text(f"update log_head set {named}"), values)


def test_an_empty_log_publishes_nothing(database: Database, store: WholeStore) -> None:
    assert publish_at(database, store) is None
    assert list(store.list()) == []


def test_tiles_are_a_function_of_the_leaves_in_whatever_steps_they_come(tmp_path: Path) -> None:
    hashed = leaves(70_000)
    whole = Edge()
    at_once = dict(whole.grow(hashed))
    assert whole.head == TreeHead(70_000, root_of(hashed))
    stepwise, edge = {}, Edge()
    start = 0
    for step in (1, 254, 1, 1, 255, 256, 257, 30_000, 38_974, 1):
        stepwise.update(edge.grow(hashed[start : start + step]))
        start += step
        assert edge.head == TreeHead(start, root_of(hashed[:start]))
    assert start == 70_000
    assert at_once.items() <= stepwise.items()
    assert sorted({tile.level for tile in at_once}, key=str) == [0, 1, 2]


def test_go_reads_the_tiles_and_finds_every_entry_in_them(
    database: Database, store: WholeStore, tmp_path: Path
) -> None:
    assert isinstance(store, FileStore)
    questions = []
    for count in (1, 1, 254, 1, 400):
        grow(database, count)
        published = publish_at(database, store)
        assert published is not None
        head = published.head
        questions += [
            {
                "ask": "tiles",
                "folder": str(store.folder / "log"),
                "size": head.size,
                "root": head.root,
                "index": index,
                "entry": entry(f"entry {index}").to_bytes(),
            }
            for index in sorted({0, head.size // 2, head.size - 1})
        ]
    wrong = {**questions[-1], "entry": b"another"}
    program = build_sumdb(tmp_path)
    assert sumdb_says(program, [*questions, wrong]) == [True] * len(questions) + [False]
    assert_one_history(database, store, 657)


def test_a_tree_of_three_levels_is_grown_in_steps_and_proven_from_few_tiles(
    database: Database, store: WholeStore
) -> None:
    grow(database, 70_000)
    first = publish_at(database, store)
    assert first is not None
    grow(database, 1_000)
    second = publish_at(database, store)
    assert second is not None
    hashed = leaves(71_000)
    assert second.head == TreeHead(71_000, root_of(hashed))
    tiles = Tiles(store, 71_000)
    for index in (0, 255, 256, 65_535, 65_536, 70_999):
        assert is_included(hashed[index], index, second.head, tiles.inclusion(index))
    assert is_consistent(first.head, second.head, tiles.consistency(70_000))
    with pytest.raises(ValueError, match="no leaf"):
        tiles.inclusion(71_000)


def test_the_newest_checkpoint_is_pointed_at_and_published_once(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    first = publish_at(database, store)
    assert first is not None
    assert store.newest(LATEST) == first.to_bytes() == store.get(checkpoint_key(3))
    assert first.judged(log_key()).is_valid
    keys = [item.key for item in store.list()]
    assert publish_at(database, store) == first
    assert [item.key for item in store.list()] == keys
    grow(database, 1)
    second = publish_at(database, store)
    assert second is not None
    assert store.newest(LATEST) == second.to_bytes()
    assert store.get(checkpoint_key(3)) == first.to_bytes()


def test_a_pointer_that_was_lost_or_set_back_is_set_right_by_the_next_publication(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    first = publish_at(database, store)
    grow(database, 3)
    second = publish_at(database, store)
    assert first is not None
    assert second is not None
    store.replace(LATEST, first.to_bytes())
    publish_at(database, store)
    assert store.newest(LATEST) == second.to_bytes()


def test_what_was_signed_before_a_crash_is_what_is_published_after_it(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    log = log_at(database, store)

    def dies(_signed: SignedCheckpoint) -> list[NoteSignature]:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        publish(log, sign, dies)
    signed_before = log.sequence.state().signed
    assert list(store.list("log/checkpoints/")) == []
    published = publish_at(database, store)
    assert published is not None
    assert published.to_bytes() == signed_before


def test_one_of_two_that_publish_the_same_tree_gives_way_to_the_other(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    log = log_at(database, store)
    others: list[SignedCheckpoint | None] = []

    def slow(found: SignedCheckpoint) -> list[NoteSignature]:
        if not others:
            line = witness_line(found.checkpoint, 3)
            others.append(publish(log, sign, lambda _: [line]))
        return [witness_line(found.checkpoint, 2)]

    mine = publish(log, sign, slow)
    assert mine is not None
    assert [mine] == others
    assert mine.judged(witness_key(3)).is_valid
    assert store.newest(LATEST) == mine.to_bytes() == store.get(checkpoint_key(3))


def test_cosignatures_that_come_later_are_stored_beside_the_checkpoint(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    log = log_at(database, store)
    first = publish(log, sign, lambda _: ())
    assert first is not None
    fuller = add_cosignatures(log, first, [witness_line(first.checkpoint, 2)])
    assert store.get(checkpoint_key(3)) == first.to_bytes()
    assert store.get(checkpoint_key(3, 2)) == fuller.to_bytes() == store.newest(LATEST)
    assert fuller.judged(witness_key(2)).is_valid
    fullest = add_cosignatures(log, fuller, [witness_line(first.checkpoint, 3)])
    assert store.get(checkpoint_key(3, 3)) == fullest.to_bytes() == store.newest(LATEST)
    assert publish_at(database, store) == fullest


def test_other_bytes_under_a_key_stop_the_log_for_everybody(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    store.put(tile_key(Tile(0, 0, 3)), b"x" * 96)
    with pytest.raises(LogForkDetected):
        publish_at(database, store)
    grow(database, 1)
    for _ in range(2):
        with pytest.raises(LogStopped, match="two histories"):
            publish_at(database, store)
    assert list(store.list("log/checkpoints/")) == []
    with database.reading() as connection:
        head = rows.log_head_of(connection)
    assert head is not None
    assert head.appended == 4


def test_a_damaged_tile_is_no_reason_to_stand_still_when_the_entries_have_the_root(
    database: Database, store: WholeStore, tmp_path: Path
) -> None:
    grow(database, 300)
    publish_at(database, store)
    path = tmp_path / "store" / tile_key(Tile(0, 1, 44))
    path.write_bytes(b"x" * 44 * 32)
    (tmp_path / "store" / tile_key(Tile(1, 0, 1))).unlink()
    grow(database, 5)
    published = publish_at(database, store)
    assert published is not None
    assert published.head.root == root_of(leaves(305))


def test_a_sequence_whose_past_was_changed_is_never_signed(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    publish_at(database, store)
    with database.writing() as connection:
        connection.execute(
            sa.text("update log_entry set entry = :entry where idx = 1"),
            {"entry": entry("another").to_bytes()},
        )
        rows.append(connection, [entry("new")])
    # The past differs in the bundle that the new entry is in: two histories.
    with pytest.raises(LogForkDetected):
        publish_at(database, store)


def test_a_changed_past_with_tiles_and_head_to_match_is_found_by_the_last_signature(
    database: Database, store: WholeStore, tmp_path: Path
) -> None:
    grow(database, 3)
    publish_at(database, store)
    with database.writing() as connection:
        connection.execute(
            sa.text("update log_entry set entry = :entry where idx = 1"),
            {"entry": entry("another").to_bytes()},
        )
    grow(database, 1)
    altered(database, integrated=0, root=b"\0" * 32)
    for path in (tmp_path / "store/log/tile").rglob("*"):
        if path.is_file():
            path.unlink()
    with database.writing() as connection:
        connection.execute(sa.text("update log_head set root = :root"), {"root": root_of([])})
    with pytest.raises(LogForkDetected, match="does not begin with"):
        publish_at(database, store)


def test_a_catalogue_out_of_an_old_copy_stops_before_it_signs(
    database: Database, store: WholeStore
) -> None:
    grow(database, 3)
    publish_at(database, store)
    with database.reading() as connection:
        old = rows.log_head_of(connection)
    assert old is not None
    grow(database, 2)
    publish_at(database, store)
    with database.writing() as connection:
        connection.execute(sa.text("delete from log_entry where idx >= 3"))
    altered(
        database,
        appended=3,
        integrated=3,
        root=old.root,
        signed=3,
        signed_note=old.signed_note,
        published=3,
        published_note=old.published_note,
    )
    with pytest.raises(LogForkDetected, match="5 entries are published"):
        publish_at(database, store)


@pytest.mark.parametrize(
    "note",
    [
        b"no note\n",
        signed(Checkpoint("other.example/log", TreeHead(3, root_of(leaves(3))))).to_bytes(),
        signed(Checkpoint(ORIGIN, TreeHead(2, root_of(leaves(3))))).to_bytes(),
    ],
)
def test_a_head_that_names_another_last_signature_stops_the_log(
    database: Database, store: WholeStore, note: bytes
) -> None:
    grow(database, 3)
    publish_at(database, store)
    grow(database, 1)
    altered(database, signed_note=note)
    with pytest.raises(LogForkDetected):
        publish_at(database, store)


def test_another_key_than_the_keysets_signs_nothing(database: Database, store: WholeStore) -> None:
    grow(database, 3)
    log = log_at(database, store)
    with pytest.raises(LogKeyMissing):
        publish(log, private_key(9).sign, lambda _: ())
    assert log.sequence.state().signed is None
    assert publish_at(database, store) is not None


def test_integrating_needs_no_key(database: Database, store: WholeStore) -> None:
    grow(database, 300)
    state = integrate(Log(store, store, log_at(database, store).sequence, log_key()))
    assert state.integrated == TreeHead(300, root_of(leaves(300)))
    assert state.signed is None
