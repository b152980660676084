# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities and a timestamp authority of the tests' own.

The authority for timestamps is `openssl ts`, so that tokens are another implementation's.
"""

import datetime as dt
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = dt.timedelta(days=1)


def now() -> dt.datetime:
    """The machine's time to the second, which `openssl ts` puts into its tokens."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Holder:
    """A private key and the certificate over it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def key_pem(self) -> bytes:
        """The private key in PEM, without passphrase."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


@dataclass(frozen=True)
class Wish:
    """What a certificate is to say; defaults are those of a leaf for a domain."""

    name: str
    is_authority: bool = False
    domain: str | None = None
    for_timestamps: bool = False
    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None


def root(name: str) -> Holder:
    """A self-signed authority."""
    return _issue(Wish(name, is_authority=True), None)


def issued(wish: Wish, by: Holder) -> Holder:
    """A certificate by an issuer, whether or not that one may issue."""
    return _issue(wish, by)


def _issue(wish: Wish, by: Holder | None) -> Holder:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wish.name)])
    issuer_key = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wish.valid_from or now() - 30 * _DAY)
        .not_valid_after(wish.valid_until or now() + 30 * _DAY)
        .add_extension(x509.BasicConstraints(wish.is_authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not wish.is_authority,
                key_cert_sign=wish.is_authority,
                crl_sign=wish.is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if wish.domain:
        name = x509.SubjectAlternativeName([x509.DNSName(wish.domain)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(name, critical=False)
        builder = builder.add_extension(usage, critical=False)
    if wish.for_timestamps:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return Holder(key, builder.sign(issuer_key, hashes.SHA256()))


class TimestampAuthority:
    """Answers timestamp queries in a folder of its own, now."""

    def __init__(self, folder: Path, holder: Holder, chain: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.chain = chain
        (folder / "key.pem").write_bytes(holder.key_pem())
        (folder / "leaf.pem").write_text(holder.pem)
        (folder / "serial").write_text("01")
        (folder / "tsa.cnf").write_text(
            "[tsa]\ndefault_tsa=own\n[own]\n"
            f"serial={folder}/serial\nsigner_cert={folder}/leaf.pem\nsigner_key={folder}/key.pem\n"
            "signer_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha384,sha512\n"
            "ess_cert_id_chain=no\ness_cert_id_alg=sha256\n"
        )

    def token(self, message: bytes, *, with_certificate: bool = False) -> bytes:
        """A TimeStampResp over the message, in DER."""
        data, query, reply = (self._folder / name for name in ("data", "query", "reply"))
        data.write_bytes(message)
        more = ["-cert"] if with_certificate else []
        self._run("-query", "-data", data, "-sha256", "-no_nonce", *more, "-out", query)
        self._run("-reply", "-config", self._folder / "tsa.cnf", "-queryfile", query, "-out", reply)
        return reply.read_bytes()

    def _run(self, *arguments: str | Path) -> None:
        command = ["openssl", "ts", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
