# SPDX-License-Identifier: Apache-2.0
"""Whether a token's signature names the certificate that it is judged by (RFC 3161, RFC 5816).

Issuer and serial number stand outside of what is signed, so they could be exchanged for those of
another certificate over the same key. The digest among the signed attributes cannot. The library
leaves that attribute alone; what it has read as strict DER is walked here once more.
"""

import hashlib
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_SEQUENCE, _OCTETS, _CONTEXT_0 = 0x30, 0x04, 0xA0
_VERSION_1 = bytes.fromhex("2a864886f70d010910020c")  # digest by SHA-1
_VERSION_2 = bytes.fromhex("2a864886f70d010910022f")
_DIGESTS = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_LONG_FORM = 0x80

_Node = tuple[int, bytes]


def names_certificate(response: bytes, certificate: x509.Certificate) -> bool:
    """Whether the first certificate that the signed attributes of a response name is this one."""
    der = certificate.public_bytes(Encoding.DER)
    try:
        return any(_digest(attribute, der) for attribute in _attributes(response))
    except (LookupError, ValueError):
        return False


def _attributes(response: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and value of each signed attribute of the response's signer."""
    _, token = _children(_inside(response, _SEQUENCE))
    signed_data = _inside(_children(token[1])[1][1], _SEQUENCE)
    signer_infos = _children(signed_data)[-1][1]
    [signer] = _children(signer_infos)
    [attributes] = [content for tag, content in _children(signer[1]) if tag == _CONTEXT_0]
    for _, attribute in _children(attributes):
        (_, kind), (_, values) = _children(attribute)
        [(_, value)] = _children(values)
        yield kind, value


def _digest(attribute: tuple[bytes, bytes], der: bytes) -> bool:
    """Whether an attribute is a list of certificates of which the first is this one."""
    kind, value = attribute
    if kind not in {_VERSION_1, _VERSION_2}:
        return False
    first = _children(_children(value)[0][1])[0][1]
    fields = _children(first)
    name = "sha1" if kind == _VERSION_1 else "sha256"
    if kind == _VERSION_2 and fields[0][0] == _SEQUENCE:
        name = _DIGESTS[_children(fields.pop(0)[1])[0][1]]
    tag, digest = fields[0]
    return tag == _OCTETS and hashlib.new(name, der, usedforsecurity=False).digest() == digest


def _inside(data: bytes, tag: int) -> bytes:
    [(found, content)] = _children(data)
    if found != tag:
        raise ValueError("another kind of value stands there")
    return content


def _children(data: bytes) -> list[_Node]:
    """Tag and content of each DER value in a row. Raises ValueError, LookupError."""
    found: list[_Node] = []
    place = 0
    while place < len(data):
        tag, length = data[place], data[place + 1]
        place += 2
        if length & _LONG_FORM:
            digits = length & ~_LONG_FORM
            length = int.from_bytes(data[place : place + digits], "big")
            place += digits
        if place + length > len(data):
            raise ValueError("a value ends behind what holds it")
        found.append((tag, data[place : place + length]))
        place += length
    return found
