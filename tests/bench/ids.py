# SPDX-License-Identifier: Apache-2.0
"""How often a corrupted record ID is still read as checked, and what reading costs.

Single substitutions and swaps must never pass; the unit tests hold that. Everything else passes
about once in 97, which is what two check digits leave. The seed is fixed, so figures repeat.
"""

import argparse
import random
import time
from collections.abc import Callable

from archive.errors import MalformedId
from archive.id_mentions import find_ids
from archive.id_reading import ReadingStatus, read_id
from archive.ids import Kind, RecordId, parse_id

DIGITS = "0123456789"


def main(argv: list[str]) -> int:
    """Print pass rates and times; always 0, since a bench measures and does not judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench ids", description=__doc__)
    parser.add_argument("--samples", type=int, default=20_000, help="corruptions of each sort")
    samples = parser.parse_args(argv).samples
    chance = random.Random(2129)
    print(f"{'corruption':<34}{'samples':>9}{'passed':>8}{'rate':>9}   one in")
    for name, corrupt in CORRUPTIONS.items():
        passed = sum(_passes(_random_id(chance), corrupt, chance) for _ in range(samples))
        one_in = f"{samples / passed:.0f}" if passed else "-"
        print(f"{name:<34}{samples:>9}{passed:>8}{passed / samples:>9.3%}   {one_in}")
    _print_times()
    return 0


def _random_id(chance: random.Random) -> RecordId:
    number = chance.randrange(1, 10 ** chance.randint(3, 9))
    return RecordId("CA", chance.choice(list(Kind)), number)


def _passes(
    record_id: RecordId, corrupt: Callable[[str, random.Random], str], chance: random.Random
) -> bool:
    """Whether a corruption that changed the ID is read as a checked, other ID."""
    head, digits = str(record_id)[:5], str(record_id)[5:]
    try:
        reading = read_id(head + corrupt(digits, chance), prefix="CA")
    except MalformedId:
        return False
    return reading.status is ReadingStatus.CHECKED and reading.id != record_id


def _replace(digits: str, places: list[int], chance: random.Random) -> str:
    changed = list(digits)
    for at in places:
        changed[at] = chance.choice(DIGITS.replace(changed[at], ""))
    return "".join(changed)


def _digit_places(digits: str) -> list[int]:
    return [at for at, character in enumerate(digits) if character != "-"]


def _one_wrong(digits: str, chance: random.Random) -> str:
    return _replace(digits, chance.sample(_digit_places(digits), 1), chance)


def _neighbours_swapped(digits: str, chance: random.Random) -> str:
    at = chance.randrange(len(digits) - 1)
    return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]


def _two_wrong(digits: str, chance: random.Random) -> str:
    return _replace(digits, chance.sample(_digit_places(digits), 2), chance)


def _three_wrong(digits: str, chance: random.Random) -> str:
    return _replace(digits, chance.sample(_digit_places(digits), 3), chance)


def _another_number(digits: str, chance: random.Random) -> str:
    return "".join(chance.choice(DIGITS) for _ in digits[:-3]) + digits[-3:]


def _all_random(digits: str, chance: random.Random) -> str:
    return "".join(character if character == "-" else chance.choice(DIGITS) for character in digits)


def _one_lost(digits: str, chance: random.Random) -> str:
    at = chance.randrange(len(digits) - 3)
    return digits[:at] + digits[at + 1 :]


def _one_inserted(digits: str, chance: random.Random) -> str:
    at = chance.randrange(len(digits) - 2)
    return digits[:at] + chance.choice(DIGITS) + digits[at:]


def _distant_swapped(digits: str, chance: random.Random) -> str:
    one, other = sorted(chance.sample(_digit_places(digits), 2))
    changed = list(digits)
    changed[one], changed[other] = changed[other], changed[one]
    return "".join(changed)


CORRUPTIONS: dict[str, Callable[[str, random.Random], str]] = {
    "one digit wrong (must be none)": _one_wrong,
    "neighbours swapped (must be none)": _neighbours_swapped,
    "two digits wrong": _two_wrong,
    "three digits wrong": _three_wrong,
    "another number, same check": _another_number,
    "all digits random": _all_random,
    "one digit lost": _one_lost,
    "one digit inserted": _one_inserted,
    "two digits swapped at a distance": _distant_swapped,
}


def _print_times() -> None:
    text = "As CA-P-002129-05 shows (see CA-D-00012), terms change. " * 2000
    good, bad = "CA-P-002129-05", "CA-P-002192-05"
    print(f"{'parse_id':<34}{_microseconds(lambda: parse_id(good)):>9.1f} us")
    print(f"{'read_id':<34}{_microseconds(lambda: read_id(good, prefix='CA')):>9.1f} us")
    print(
        f"{'read_id, wrong check':<34}{_microseconds(lambda: read_id(bad, prefix='CA')):>9.1f} us"
    )
    start = time.perf_counter()
    found = len(find_ids(text, prefix="CA"))
    seconds = time.perf_counter() - start
    print(f"{'find_ids':<34}{len(text) / seconds / 1e6:>9.2f} million characters/s, {found} IDs")


def _microseconds(deed: Callable[[], object], repeats: int = 2000) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        deed()
    return (time.perf_counter() - start) / repeats * 1e6
