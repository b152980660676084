# SPDX-License-Identifier: Apache-2.0
"""Keys in a PKCS#11 token (SoftHSM): they sign, in threads and forks too, and say what is wrong."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.archives import audited, minted, new_archive, page, settings_at
from support.origin import Origin
from support.softhsm import MODULE, TOKEN, Token, new_token

from archive.bootstrap import installation, key_files, signer_at
from archive.errors import KeyLocked, SettingsError, SignerUnavailable, SigningError
from archive.services.context import log_signing_key, signing_key
from archive.services.doctor.keys import examine
from archive.services.keysets.rotate import coming_key, rotate
from archive.services.trust import trusted_keyset
from archive.services.verifying.verify import verify_record
from archive.signing.base import seal
from archive.signing.pkcs11 import KeyPlace, open_uri

NO_FILE = Path("/nonexistent")


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    made = new_token(tmp_path_factory.mktemp("softhsm"))
    for label in ("manifest", "log", "next"):
        made.make_key(label)
    made.make_key("numbered", key_id="2a01")
    made.make_key("curve", kind="EC:prime256v1")
    made.make_key("twice")
    made.make_key("twice")
    return made


def test_a_signature_of_the_token_holds(token: Token) -> None:
    signer = open_uri(token.uri("manifest"), NO_FILE)
    envelope = seal(signer, b"{}", signer.public_key)
    assert signer.public_key.verifies(envelope.signature, envelope.signed_bytes())
    again = open_uri(token.uri("manifest"), NO_FILE)
    assert again.public_key.keyid == signer.public_key.keyid
    other = open_uri(token.uri("log"), NO_FILE)
    assert other.public_key.keyid != signer.public_key.keyid
    with pytest.raises(SigningError, match="keyset"):
        seal(other, b"{}", signer.public_key)


def test_a_key_is_found_by_its_id(token: Token) -> None:
    by_id = open_uri(token.uri("", id="%2a%01"), NO_FILE)
    assert by_id.public_key == open_uri(token.uri("numbered"), NO_FILE).public_key


def test_the_largest_statement_can_be_signed(token: Token) -> None:
    signer = open_uri(token.uri("manifest"), NO_FILE)
    data = b"x" * 4096
    assert signer.public_key.verifies(signer.sign(data), data)


def test_threads_share_a_token(token: Token) -> None:
    def sign(number: int) -> bool:
        signer = open_uri(token.uri("manifest" if number % 2 else "log"), NO_FILE)
        data = b"%d" % number
        return signer.public_key.verifies(signer.sign(data), data)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(sign, range(200)))


def _sign_in_fork(uri: str, answers: "multiprocessing.SimpleQueue[bool]") -> None:
    signer = open_uri(uri, NO_FILE)
    answers.put(signer.public_key.verifies(signer.sign(b"x"), b"x"))


def test_a_forked_process_logs_in_for_itself(token: Token) -> None:
    uri = token.uri("manifest")
    open_uri(uri, NO_FILE).sign(b"x")
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_sign_in_fork, args=(uri, answers))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert answers.get() is True
    assert len(open_uri(uri, NO_FILE).sign(b"x")) == 64


def test_after_a_token_went_away_the_next_one_logs_in_again(token: Token) -> None:
    uri = token.uri("manifest")
    signer = open_uri(uri, NO_FILE)
    # As when the device is pulled out: the session is no longer known.
    signer._session.handle.close()
    with pytest.raises(SignerUnavailable, match="try again"):
        signer.sign(b"x")
    for _ in range(2):
        again = open_uri(uri, NO_FILE)
        assert again.public_key.verifies(again.sign(b"x"), b"x")


FAULTS = {
    "no such key": ({"object": "nobody"}, "pkcs11-tool --keypairgen"),
    "two keys of a name": ({"object": "twice"}, "none or several"),
    "another curve": ({"object": "curve"}, "no usable Ed25519 key"),
    "no such token": ({"token": "nowhere"}, "token nowhere"),
    "no such module": ({"module_path": "/nowhere/lib.so"}, "cannot be loaded"),
    "no PIN": ({"pin_source": "file:/nowhere/pin"}, "/nowhere/pin"),
}


@pytest.mark.parametrize(("changes", "words"), list(FAULTS.values()), ids=list(FAULTS))
def test_what_is_wrong_is_said(token: Token, changes: dict[str, str], words: str) -> None:
    with pytest.raises(KeyLocked, match=words):
        open_uri(token.uri("manifest", **changes), NO_FILE)


def test_a_wrong_pin_is_said_and_never_shown(token: Token, tmp_path: Path) -> None:
    # A process of its own: here the token is open already.
    wrong = tmp_path / "pin"
    wrong.write_text("0815\n", encoding="ascii")
    program = (
        "import sys; from pathlib import Path; from archive.signing.pkcs11 import open_uri\n"
        "from archive.errors import KeyLocked\n"
        "try: open_uri(sys.argv[1], Path('/'))\n"
        "except KeyLocked as error: print(error)\n"
    )
    uri = token.uri("manifest", pin_source=f"file:{wrong}")
    done = subprocess.run(
        [sys.executable, "-c", program, uri],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert "does not open token" in done.stdout
    assert str(wrong) in done.stdout
    assert "0815" not in done.stdout + done.stderr


def test_without_the_extra_it_is_said_what_to_install(token: Token, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pkcs11'] = None; from pathlib import Path\n"
        "from archive.signing.pkcs11 import open_uri; from archive.errors import KeyLocked\n"
        "try: open_uri(sys.argv[1], Path('/'))\n"
        "except KeyLocked as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, token.uri("manifest")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert "pip install 'muniment[pkcs11]'" in done.stdout


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a;object=b?module-path=/x",
        "pkcs11:token=a?module-path=/x&pin-source=/y",
        "pkcs11:object=b?module-path=/x&pin-source=/y",
        "pkcs11:token=a;object=b?module-path=/x&pin-source=/y&pin-value=4711",
        "pkcs11:token=a;token=c;object=b?module-path=/x&pin-source=/y",
        "pkcs11:token=a;object=b;slot-id=0?module-path=/x&pin-source=/y",
        "pkcs11:token=%FF;object=b?module-path=/x&pin-source=/y",
        "pkcs11:serial=%C3%A9;object=b?module-path=/x&pin-source=/y",
    ],
)
def test_a_uri_that_cannot_be_used_is_refused_and_a_pin_in_it_is_not_shown(uri: str) -> None:
    with pytest.raises(SettingsError) as caught:
        KeyPlace.from_uri(uri)
    assert "4711" not in str(caught.value)


def test_a_uri_is_read_as_rfc_7512_writes_it() -> None:
    place = KeyPlace.from_uri(
        "pkcs11:token=my%20t%C3%B6ken;serial=1a;object=k%3b1;id=%01%ff"
        "?module-path=/usr/lib/m.so&pin-source=file:///etc/pin"
    )
    assert (place.token, place.serial, place.label) == ("my töken", "1a", "k;1")
    assert (place.key_id, place.pin_source) == (b"\x01\xff", Path("/etc/pin"))


def test_a_pin_that_is_no_text_does_not_open_a_token(token: Token, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_bytes(b"\xff\xfe\n")
    uri = f"{token.uri('manifest').partition('&pin-source=')[0]}&pin-source=file:{pin}"
    with pytest.raises(KeyLocked, match="no UTF-8"):
        open_uri(uri, NO_FILE)


def test_an_archive_signs_captures_and_checkpoints_inside_a_token(
    token: Token, tmp_path: Path, origin: Origin
) -> None:
    settings = settings_at(
        tmp_path / "data",
        MUNIMENT_KEYS_MANIFEST=token.uri("manifest"),
        MUNIMENT_KEYS_LOG=token.uri("log"),
    )
    archive = new_archive(settings)
    names = sorted(path.name for path in settings.keys_folder.iterdir())
    assert names == ["passphrase", "root.pem"]
    origin.page("/terms", page())
    before = minted(archive, origin.url("/terms"))
    keyset = trusted_keyset(archive)
    log = log_signing_key(archive, keyset)
    assert log is not None
    assert log.listed.key.verifies(log.sign(b"a checkpoint"), b"a checkpoint")
    # A new key in the token: it is listed first, and then named in the settings.
    files = key_files(settings)
    with pytest.raises(KeyLocked, match="--to"):
        coming_key(files)
    to = signer_at(settings, token.uri("next"))
    done = rotate(archive, files, to)
    assert done.keyid == to.public_key.keyid
    with pytest.raises(SigningError, match="retired"):
        signing_key(archive, trusted_keyset(archive))
    archive.close()
    renamed = settings_at(
        tmp_path / "data",
        MUNIMENT_KEYS_MANIFEST=token.uri("next"),
        MUNIMENT_KEYS_LOG=token.uri("log"),
    )
    reopened = new_archive(renamed)
    after = minted(reopened, origin.url("/terms"))
    for record in (before, after):
        assert verify_record(reopened, record).result.exit_code == 0
    assert audited(reopened).exit_code == 0
    reopened.close()
    said = {item.check: item.state.value for item in examine(installation(renamed))}
    assert said == {
        "keys.there": "ok",
        "keys.modes": "ok",
        "keys.open": "ok",
        "keys.signs": "ok",
        "keys.listed": "ok",
        "keys.log.open": "ok",
        "keys.log.signs": "ok",
        "keys.log.listed": "ok",
    }
    old = {item.check: item for item in examine(installation(settings))}
    assert old["keys.listed"].state.value == "fail"
    assert "retired" in old["keys.listed"].found
    lost = settings_at(tmp_path / "data", MUNIMENT_KEYS_MANIFEST=token.uri("nobody"))
    told = {item.check: item for item in examine(installation(lost))}
    assert told["keys.open"].state.value == "fail"
    assert "nobody" in told["keys.open"].found
    assert (TOKEN in told["keys.open"].found, MODULE in told["keys.open"].found) == (True, False)
