# SPDX-License-Identifier: Apache-2.0
"""No spelling of an inside address, asked for or redirected to, is ever connected to.

The whole way is used: `POST /api/v1/captures` on a real archive. The interpreter itself tells of
each connection that is tried.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.archives import look_at, new_archive, settings_at
from support.origin import Origin
from support.working import working

from api.app import create_app
from archive.model.outcome import OutcomeKind
from archive.services.access.keys import make_api_key
from archive.services.context import Archive
from archive.settings import Settings, load_settings

HOSTS = [
    # loopback, in the notations that URL parsers and inet_aton take
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001",
    "0x7f.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "017700000001", "0177.1", "127.0.0.1.",
    "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "①②⑦.0.0.1",
    "１２７.0.0.1", "localhost", "LOCALHOST", "localhost.", "loc\u00adalhost", "ⓛocalhost",
    "0", "0.0.0.0", "0x0", "00.0.0.0",
    # IPv6, with IPv4 inside
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::]", "[2001::1]", "[fe80::1]", "[fe80::1%25lo]",
    "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[100::1]", "[2001:db8::1]", "[5f00::1]",
    # private, link-local, metadata, shared, special, multicast
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "169.254.0.1", "2852039166", "0xa9fea9fe",
    "0251.0376.0251.0376", "169.254.43518", "168.63.129.16", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
]  # fmt: skip
OTHER = [
    "http://8.8.8.8:22/", "http://8.8.8.8:6379/", "http://8.8.8.8:0/", "http://8.8.8.8:65536/",
    "https://user:pass@127.0.0.1/", "http://8.8.8.8@127.0.0.1/", "http://127.0.0.1\\@8.8.8.8/",
    "http://127.0.0.1#@8.8.8.8/", "http://8.8.8.8%40127.0.0.1/",
    "http:127.0.0.1", "http:/127.0.0.1",
    "http:///127.0.0.1/", "http:\\\\127.0.0.1\\", "//127.0.0.1/", "\thttp://127.0.0.1/",
    "http://127.0.0.1\t/", "http://\n127.0.0.1/", "HTTP://127.0.0.1/", "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/", "ftp://127.0.0.1/",
    "ldap://127.0.0.1/", "data:text/html,x", "javascript:alert(1)", "jar:http://127.0.0.1!/",
    "unix:/var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "blob:http://127.0.0.1/",
    "http://[::1", "http://[127.0.0.1]/", "http://1.2.3.4.5/", "http://256.256.256.256/",
]  # fmt: skip
# Hosts that are not the operator's own are spared; here nobody is asked, so nobody is.
UNHURRIED = {"MUNIMENT_POLITENESS_INTERVAL_MILLISECONDS": "1"}
REFUSED = {"ADDRESS_REFUSED", "URL_MALFORMED"}

_connections: list[Any] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        _connections.append(arguments[1])


sys.addaudithook(_hook)


@pytest.fixture
def tried() -> list[Any]:
    """Addresses that connections were tried to, from now on."""
    _connections.clear()
    return _connections


def client_at(settings: Settings) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    archive = new_archive(settings)
    key = {"Authorization": f"Bearer {make_api_key(archive, ('capture',), 'a test')}"}
    limits = {"MUNIMENT_LIMITS_WRITES_PER_MINUTE": "100000"}
    app = create_app(archive, settings=load_settings(environment=limits))
    with working(settings, archive):
        yield app.test_client(), key
    archive.close()


@pytest.fixture(scope="module")
def closed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """An archive that may reach public addresses only, as by default."""
    folder = tmp_path_factory.mktemp("closed") / "data"
    yield from client_at(load_settings(environment={"MUNIMENT_DATA": str(folder), **UNHURRIED}))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Archive]:
    """An archive that may reach the test's origin, and nothing else inside."""
    archive = new_archive(settings_at(tmp_path / "data", MUNIMENT_NETWORK_ALLOW="127.0.0.1/32"))
    yield archive
    archive.close()


def forms_of(host: str) -> list[str]:
    return [f"http://{host}/", f"https://{host}/", f"http://{host}:8080/latest/meta-data/"]


@pytest.mark.parametrize("url", [*(url for host in HOSTS for url in forms_of(host)), *OTHER])
def test_asked_for(closed: tuple[FlaskClient, dict[str, str]], tried: list[Any], url: str) -> None:
    client, key = closed
    answer = client.post("/api/v1/captures?wait=30", json={"url": url}, headers=key)
    if "localhost." in url and answer.status_code == 200:
        # Some resolvers know no such name; nobody was asked to connect then either.
        assert answer.get_json()["outcome"] == "unreachable"
    else:
        assert (answer.status_code, answer.get_json()["code"] in REFUSED) == (422, True)
    assert tried == []


def test_proxies_of_the_environment_are_not_used(
    closed: tuple[FlaskClient, dict[str, str]], tried: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, key = closed
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    answer = client.post("/api/v1/captures?wait=30", json={"url": "http://10.0.0.1/"}, headers=key)
    assert answer.get_json()["code"] == "ADDRESS_REFUSED"
    assert tried == []


def test_redirected_to(near: Archive, origin: Origin, tried: list[Any]) -> None:
    inside = [host for host in HOSTS if host.isascii() and not _is_the_origins(host)]
    assert len(inside) > 50
    for number, host in enumerate(inside):
        origin.redirect(f"/{number}", f"http://{host}/latest/meta-data/")
        look = look_at(near, origin.url(f"/{number}"))
        assert (look.capture_id, look.outcome) == (None, OutcomeKind.REDIRECT_REFUSED), host
    assert {address[:2] for address in tried} == {("127.0.0.1", origin.port)}


def _is_the_origins(host: str) -> bool:
    """Whether the host is 127.0.0.1 itself, which this archive may reach."""
    from archive.errors import MalformedUrl
    from archive.net.url import parse_capture_url

    try:
        found = parse_capture_url(f"http://{host}/").host.rstrip(".").lower()
    except MalformedUrl:
        return False
    return found in {"127.0.0.1", "localhost", "::ffff:7f00:1"}
