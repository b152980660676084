# SPDX-License-Identifier: Apache-2.0
"""What is published of keys: pages and files that say the same, and that other libraries read."""

import base64
import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from joserfc.jwk import KeySet, OKPKey
from securesystemslib.dsse import Envelope as ForeignEnvelope
from securesystemslib.signer import SSlibKey
from support.archives import minted, new_archive, page
from support.authorities import root as root_certificate
from support.keysets import signer
from support.origin import Origin

from api.app import create_app
from archive.bootstrap import key_files
from archive.cli import cli
from archive.digests import sha256_hex
from archive.proofs.keyset_bundle import KeysetBundle
from archive.proofs.keyset_chain import newest_trusted
from archive.proofs.note import COSIGNATURE, VerifierKey
from archive.services.context import Archive, signing_key
from archive.services.keysets.amend import Amendment, amend
from archive.services.keysets.changes import (
    revoked,
    with_authority,
    with_roots,
    with_witness,
)
from archive.services.keysets.propose import propose, sign
from archive.services.keysets.publish import publish_keyset
from archive.services.keysets.rotate import rotate
from archive.services.stamping.authorities import read_authority
from archive.services.trust import trusted_keyset, trusted_versions
from archive.settings import Settings
from archive.signing.file import open_key, read_passphrase

NEWEST = "/.well-known/muniment/keyset.dsse.json"
ANNA, BEN = signer(81), signer(82)
WITNESS = VerifierKey("witness.example", COSIGNATURE, signer(90).public_key)


@pytest.fixture
def archive(settings: Settings, origin: Origin) -> Iterator[Archive]:
    """An archive with a revoked, a retired and an active key, other roots, and all the rest."""
    opened = new_archive(settings)
    files = key_files(settings)
    first = signing_key(opened, trusted_keyset(opened)).listed.key.keyid
    since = opened.clock.now() - dt.timedelta(days=1)
    amend(opened, files, Amendment([revoked(first, since, "it was <b>stolen</b>")]))
    rotate(opened, files)
    rotate(opened, files)
    pem = settings.data / "roots.pem"
    pem.write_text(root_certificate("Stamps").pem, encoding="ascii")
    authority, certificates = read_authority("stamps.example", pem, (), is_qualified=True)
    amend(opened, files, Amendment([with_authority(authority)], certificates))
    path = settings.data / "next.json"
    roots = [ANNA.public_key, BEN.public_key]
    changes = [with_witness(WITNESS), with_roots(roots, 2, is_development=False)]
    propose(opened, Amendment(changes), path)
    for by in (ANNA, BEN, open_key(files.root, read_passphrase(files.passphrase_file))):
        sign(path, by)
    assert publish_keyset(opened, files, [path]).is_done
    origin.page("/terms", page())
    minted(opened, origin.url("/terms"))
    yield opened
    opened.close()


@pytest.fixture
def client(archive: Archive) -> FlaskClient:
    return create_app(archive).test_client()


def test_page_json_files_and_command_line_say_the_same(
    client: FlaskClient, archive: Archive, settings: Settings
) -> None:
    told: dict[str, Any] = client.get("/keys?format=json").get_json()
    listed = CliRunner().invoke(cli, ["--data", str(settings.data), "keys", "list", "--json"])
    assert json.loads(listed.output) == told
    newest = KeysetBundle.from_bytes(client.get(NEWEST).data)
    assert newest.keyset == trusted_keyset(archive)
    assert told["keyset_version"] == newest.keyset.version == 6
    assert told["roots"] == sorted(newest.keyset.roots)
    assert told["keys"] == newest.to_json()["content"]["keys"]
    assert told["witnesses"] == newest.to_json()["content"]["witnesses"]
    assert told["authorities"] == newest.to_json()["content"]["authorities"]
    jwks = {key["kid"] for key in client.get("/.well-known/jwks.json").get_json()["keys"]}
    assert jwks == {key["keyid"] for key in told["keys"] if key["state"] != "revoked"}
    shown = client.get("/keys").text
    words = CliRunner().invoke(cli, ["--data", str(settings.data), "keys", "list"]).output
    for name in [*told["roots"], *told["pinned_roots"], *(key["keyid"] for key in told["keys"])]:
        assert name in shown
    for name in [*told["roots"], *(key["keyid"] for key in told["keys"]), WITNESS.to_text()]:
        assert name in words
    states = dict(re.findall(r"^  ([0-9a-f]{64})  (\w+),", words, re.MULTILINE))
    assert states == {key["keyid"]: key["state"] for key in told["keys"]}


def test_from_the_published_files_alone_a_verifier_follows_the_chain(
    client: FlaskClient, archive: Archive
) -> None:
    told = client.get("/keys?format=json").get_json()
    bundles = [
        KeysetBundle.from_bytes(
            client.get(f"/.well-known/muniment/keyset/{row['version']}.dsse.json").data
        )
        for row in told["versions"]
    ]
    chain = [bundle.signed for bundle in bundles]
    assert newest_trusted(chain, told["pinned_roots"]) == trusted_keyset(archive)
    assert client.get(NEWEST).data == bundles[-1].to_bytes()
    [certificate] = bundles[-1].certificates
    assert [sha256_hex(certificate)] == list(bundles[-1].keyset.authorities[0].roots)
    for row, version in zip(told["versions"], trusted_versions(archive), strict=True):
        assert row["statement_sha256"] == version.signed.statement_sha256
    assert len(told["versions"][-1]["signed_by"]) == 3


def test_another_library_checks_the_signatures_of_the_published_file(client: FlaskClient) -> None:
    value = client.get(NEWEST).get_json()
    envelope = ForeignEnvelope.from_dict(
        {name: value[name] for name in ("payload", "payloadType", "signatures")}
    )
    rows = value["content"]["root"]["keys"]
    raw = {row["keyid"]: base64.b64decode(row["spki"])[-32:].hex() for row in rows}
    keys = [
        SSlibKey(keyid, "ed25519", "ed25519", {"public": public}) for keyid, public in raw.items()
    ]
    assert len(envelope.verify(keys, 2)) == 2


def test_joserfc_reads_the_jwk_set_and_checks_a_statement_with_it(
    client: FlaskClient, archive: Archive
) -> None:
    answer = client.get("/.well-known/jwks.json")
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    keys = KeySet.import_key_set(answer.get_json())
    active = signing_key(archive, trusted_keyset(archive))
    envelope = active.seal(b"{}")
    chosen = keys.get_by_kid(active.listed.key.keyid)
    assert isinstance(chosen, OKPKey)
    assert not chosen.is_private
    chosen.public_key.verify(envelope.signature, envelope.signed_bytes())  # type: ignore[call-arg,union-attr]
    for key in keys.keys:
        assert sha256_hex(key.as_der(private=False)) == key.kid


def test_a_version_that_is_not_there_is_not_found(client: FlaskClient) -> None:
    for name in ("0", "7", "99999999999999999999", "-1", "1.2", "x"):
        answer = client.get(f"/.well-known/muniment/keyset/{name}.dsse.json")
        assert answer.status_code == 404, name


def test_published_files_can_be_cached_and_read_by_any_page(client: FlaskClient) -> None:
    for path in (NEWEST, "/.well-known/jwks.json", "/.well-known/muniment/keyset/1.dsse.json"):
        answer = client.get(path)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert client.head(path).status_code == 200
    assert client.get("/keys", headers={"Accept": "image/png"}).status_code == 406


def test_the_page_shows_words_of_operators_as_words(client: FlaskClient) -> None:
    shown = client.get("/keys").text
    assert "<b>stolen" not in shown
    assert "it was &lt;b&gt;stolen" in shown
    assert "development archive" not in shown


def test_record_page_and_report_name_the_root_fingerprint(
    client: FlaskClient, archive: Archive
) -> None:
    [root] = archive.pinned_roots
    record = client.get("/CA-C-0000001-39", headers={"Accept": "text/html"}).text
    assert f'<dd class="hash">{root}</dd>' in record
    assert 'href="/keys"' in record
    report = client.get("/CA-C-0000001-39/verify", headers={"Accept": "text/html"}).text
    assert root in report


def test_the_text_of_a_report_names_the_root_keys(settings: Settings, archive: Archive) -> None:
    said = CliRunner().invoke(cli, ["--data", str(settings.data), "verify", "CA-C-0000001-39"])
    [root] = archive.pinned_roots
    assert f"  root keys (configured): {root}" in said.output.splitlines()
