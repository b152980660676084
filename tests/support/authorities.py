# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities and a timestamp authority of the tests' own.

The authority for timestamps is `openssl ts`, so that tokens are another implementation's.
"""

import datetime as dt
import subprocess
import threading
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
    usages: tuple[x509.ObjectIdentifier, ...] = ()
    is_usage_critical: bool = True
    crl_url: str | None = None


def root(name: str, valid_until: dt.datetime | None = None) -> Holder:
    """A self-signed authority."""
    return _issue(Wish(name, is_authority=True, valid_until=valid_until), None)


def issued(wish: Wish, by: Holder) -> Holder:
    """A certificate by an issuer, whether or not that one may issue."""
    return _issue(wish, by)


def reissued(holder: Holder, wish: Wish, by: Holder) -> x509.Certificate:
    """Another certificate over a holder's key."""
    return _issue(wish, by, holder.key).certificate


def _issue(wish: Wish, by: Holder | None, key: ec.EllipticCurvePrivateKey | None = None) -> Holder:
    key = key or ec.generate_private_key(ec.SECP256R1())
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
    usages = wish.usages or ((ExtendedKeyUsageOID.TIME_STAMPING,) if wish.for_timestamps else ())
    if usages:
        usage = x509.ExtendedKeyUsage(usages)
        builder = builder.add_extension(usage, critical=wish.is_usage_critical)
    if wish.crl_url:
        point = x509.DistributionPoint(
            [x509.UniformResourceIdentifier(wish.crl_url)], None, None, None
        )
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Holder(key, builder.sign(issuer_key, hashes.SHA256()))


@dataclass(frozen=True)
class Revoked:
    """A certificate in a revocation list."""

    holder: Holder
    at: dt.datetime
    reason: x509.ReasonFlags | None = None


def crl(
    issuer: Holder,
    *revoked: Revoked,
    made_at: dt.datetime | None = None,
    lasts: dt.timedelta = 7 * _DAY,
) -> bytes:
    """A revocation list in DER."""
    made_at = made_at or now()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(made_at)
        .next_update(made_at + lasts)
    )
    for one in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(one.holder.certificate.serial_number)
            .revocation_date(one.at)
        )
        if one.reason is not None:
            entry = entry.add_extension(x509.CRLReason(one.reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class TimestampAuthority:
    """Answers timestamp queries in a folder of its own, now."""

    def __init__(self, folder: Path, holder: Holder, chain: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
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

    def reply(self, query: bytes, *chain: Holder) -> bytes:
        """The answer to a query, with these certificates beside the signer's, in that order."""
        asked, answer, others = (self._folder / name for name in ("asked", "answer", "others"))
        with self._lock:
            asked.write_bytes(query)
            others.write_text("".join(one.pem for one in chain))
            more = ["-chain", others] if chain else []
            config = ["-config", self._folder / "tsa.cnf"]
            self._run("-reply", *config, "-queryfile", asked, *more, "-out", answer)
            return answer.read_bytes()

    def _run(self, *arguments: str | Path) -> None:
        command = ["openssl", "ts", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
