# SPDX-License-Identifier: Apache-2.0
"""The README of an exhibit: what it is, how to check it, and what it does not prove.

Its commands are run by a test as they stand, with `bash`, `openssl`, `jq` and coreutils alone.
"""

from collections.abc import Iterator, Sequence

from archive.checks.evidence import Absent, Evidence
from archive.checks.stamped import open_batches
from archive.errors import MalformedEvidence
from archive.model import exhibit as names
from archive.model.claim import Report
from archive.model.proof_batch import CERTIFICATE, STAMP
from archive.model.statement import PAYLOAD_TYPE
from archive.proofs.keyset import Keyset

_RULE = "=" * 72
_ROOT_WORDS = """\
3. Root keys with the fingerprints above signed the first keyset, and those of
   each keyset the next. (Set ROOT to the fingerprints that you got elsewhere,
   with a space between.)"""

_STAMP_WORDS = """\
6. Authorities for time signed that the statement was there by then. (Are their
   roots theirs? Compare them with what the authorities themselves publish.)"""
_LOG_WORDS = """\
7. The log's entry names the statement and its signature. (The proof that the
   log has the entry takes a program: verify.pyz, or any for C2SP tlog-proof.)"""
_HEAD = """\
EVIDENCE FOR RECORD {record}
{rule}

This folder is an exhibit of "{archive}": what the archive saw at a web
address, what it signed about that, and all that is needed to check both
without the archive and without a network.

  Record       {record}
  Address      {url}
  Seen at      {seen_at} (by the archive's own clock)
  SHA-256      {body} (body)
               {text} (text)
  Statement    {statement}
  Signed by    {keyid}
  Root         {roots}

THE ROOT FINGERPRINT ABOVE CAME WITH THIS EXHIBIT. Anybody can pack a folder
like this one with a root of his own. Compare it with one that you got in
another way: from the archive's own site{site}, from print, from
somebody who noted it earlier. Verifier and keys in here are a convenience.

WHAT IS IN IT
{rule}

  data/objects/       the parts as files: open body to see the page's source
  data/containers/    the WARC files (ISO 28500) that hold what was received
  data/proof/         inventory, signed statement, the bytes that were signed
  data/trust/         the keysets, and their public keys
  data/custody/       what was done with the record since, signed
  data/report/        what the archive's own verification said, when packed
  data/record/        the record as the archive serves it
  verify.pyz          a verifier: Python 3.11 and its library "cryptography"
  verify.html         a smaller one, for a browser without network

TO CHECK IT WITH THE VERIFIER
{rule}

  python3 verify.pyz --root FINGERPRINT

Exit code 0: verified; 1: a claim is false; 2: nothing is false, and not all
that is asked for is proven; 3: it cannot be read.

TO CHECK IT BY HAND
{rule}

With bash, openssl 3, jq and coreutils, in this folder. Each command ends
with an error if what it checks does not hold.
"""

_TAIL = """
WHAT IT DOES NOT PROVE
{rule}

That the server at that address wrote these bytes: TLS leaves no proof of it
that can be shown to others. That what the page says is true. The times in the
statement are the archive's own word, unless a trusted timestamp or a witness
bounds them: see "time" in data/report/verify.json. What is claimed and what is
not stands in the limits text that the statement names: {limits}.

Nor does anything in here vouch for this README, data/record, data/report, and
the two verifiers: whoever packed the folder could write other words there.
Custody is told as of the packing: what came later, or was left out, is not
seen without the archive.

Nothing in this folder is legal advice.
"""


def readme_text(archive_name: str, base_url: str, gathered: Evidence, report: Report) -> str:
    """The README. Raises MalformedEvidence when the statement cannot be read."""
    look, inventory = gathered.whole_look, gathered.inventory
    body, text = inventory.part("body"), inventory.part("text")
    roots = report.trust.root_fingerprints
    head = _HEAD.format(
        rule=_RULE,
        record=look.capture_id,
        archive=archive_name,
        url=look.url,
        seen_at=look.claimed_time,
        body=body.sha256 if body else "none",
        text=text.sha256 if text else "none",
        statement=gathered.envelope.statement_sha256,
        keyid=gathered.envelope.keyid,
        roots="\n               ".join(roots),
        site=f" {base_url}" if base_url else "",
    )
    steps = _steps(gathered, report)
    by_hand = "".join(f"\n{words}\n\n{_indented(commands)}\n" for words, commands in steps)
    return head + by_hand + _TAIL.format(rule=_RULE, limits=_limits(gathered))


def _limits(gathered: Evidence) -> str:
    return str(gathered.statement.predicate["limits"])


def _indented(commands: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in commands.strip().splitlines())


def _steps(gathered: Evidence, report: Report) -> Iterator[tuple[str, str]]:
    yield "1. The files are those that were packed.", _files_commands()
    yield (
        "2. Two helpers: the bytes that a signature covers (DSSE), and its check.",
        _helper_commands(),
    )
    try:
        keyset = gathered.keyset
    except MalformedEvidence:
        return
    yield _ROOT_WORDS, _root_commands(report.trust.root_fingerprints)
    yield (
        "4. A key of the newest keyset signed the statement, for this record.",
        _statement_commands(gathered, report.to_json()["time"]["not_after"]),
    )
    words = "5. The inventory is the one that was signed, and the parts are those in it."
    removed = _removed(gathered)
    if removed:
        words += f"""
   Removed for good, by a signed redaction (data/custody/): {", ".join(removed)}."""
    yield words, _parts(removed)

    tokens = [*_token_commands(gathered, keyset)]
    if tokens:
        yield _STAMP_WORDS, "\n".join(tokens)
    if gathered.log is not None and not isinstance(gathered.log.proof, Absent):
        yield _LOG_WORDS, _log_commands()


def _removed(gathered: Evidence) -> list[str]:
    """The public parts that a redaction removed."""
    return [
        part.role
        for part in gathered.inventory.parts
        if part.sha256 is not None and gathered.removal(part.span) is not None
    ]


def _files_commands() -> str:
    return f"""
set -euo pipefail
sha256sum --quiet -c {names.MANIFEST} {names.TAG_MANIFEST}
test "$(find . ! -type d | wc -l)" = $(($(cat {names.MANIFEST} {names.TAG_MANIFEST} | wc -l) + 1))
"""


def _helper_commands() -> str:
    kind = PAYLOAD_TYPE
    return f"""
payload() {{ jq -j .payload "$1" | base64 -d; }}
covered() {{
  printf 'DSSEv1 {len(kind)} {kind} %d ' "$(payload "$1" | wc -c)"
  payload "$1"
}}
work=$(mktemp -d)
signed_by() {{
  test "$(openssl pkey -pubin -in {names.KEYS}$2.pem -outform DER | sha256sum)" = "$2  -"
  covered "$1" > "$work/covered"
  jq -j '.signatures[0].sig' "$1" | base64 -d > "$work/signature"
  openssl pkeyutl -verify -pubin -inkey {names.KEYS}$2.pem -rawin \\
    -in "$work/covered" -sigfile "$work/signature"
}}
content_of() {{
  payload "$1" | jq -e --arg found "$(sha256sum < "$2" | cut -d' ' -f1)" \\
    '[.subject[].digest.sha256] == [$found]'
}}
"""


def _root_commands(roots: Sequence[str]) -> str:
    keysets = names.KEYSETS
    return f"""
: "${{ROOT:={" ".join(roots)}}}"
keyset() {{ printf '%s' "{keysets}$1.content.json"; }}
roots() {{ jq -r '.root.keys[].keyid' "$(keyset "$1")"; }}
signers() {{
  local version=$1 file key seen=' '
  shift
  count=0
  for file in {keysets}"$version".*.dsse.json; do
    key=$(jq -r '.signatures[0].keyid' "$file")
    [[ " $* " == *" $key "* && "$seen" != *" $key "* ]] || continue
    signed_by "$file" "$key"
    content_of "$file" "$(keyset "$version")"
    seen+="$key "
    count=$((count + 1))
  done
}}
enough() {{ test "$count" -ge "$(jq '.root.threshold' "$(keyset "$1")")"; }}
signers 1 $(comm -12 <(roots 1 | sort) <(tr ' ' '\\n' <<< "$ROOT" | sort))
enough 1
test $((2 * count)) -gt "$(wc -w <<< "$ROOT")"
before=null
newest=0
while test -e "$(keyset $((newest + 1)))"; do
  newest=$((newest + 1))
  signers $newest $(roots $newest)
  enough $newest
  if test $newest -gt 1; then
    signers $newest $(roots $((newest - 1)))
    enough $((newest - 1))
  fi
  jq -e --argjson version $newest --argjson before "$before" \\
    '.version == $version and .previous == $before' "$(keyset $newest)"
  set -- {keysets}$newest.*.dsse.json
  before="\\"$(payload "$1" | sha256sum | cut -d' ' -f1)\\""
done
"""


def _statement_commands(gathered: Evidence, shown_by: str | None) -> str:
    record, file = gathered.look.capture_id, names.ENVELOPE_FILE
    in_time = f' or .invalid_since > "{shown_by}"' if shown_by else ""
    return f"""
keyid=$(jq -r '.signatures[0].keyid' {file})
jq -e --arg keyid "$keyid" '.keys[] | select(.keyid == $keyid and .role == "manifest"
  and (.state != "revoked"{in_time}))' "$(keyset $newest)"
signed_by {file} "$keyid"
cmp <(covered {file}) {names.SIGNED_BYTES_FILE}
cmp <(payload {file}) {names.STATEMENT_FILE}
jq -e --arg keyid "$keyid" '.predicate.capture_id == "{record}"
  and .predicate.signer.keyid == $keyid' {names.STATEMENT_FILE}
"""


def _token_commands(gathered: Evidence, keyset: Keyset) -> Iterator[str]:
    """For each token over the statement: its authority's roots, then the check at its own time."""
    stamps = gathered.stamps
    if stamps is None:
        return
    for batch in open_batches(stamps.batches)[0]:
        if batch.listing.role != STAMP:
            continue
        for token in batch.listing.tokens:
            trusted = [one for one in keyset.authorities if one.name == token.authority]
            if not trusted or token.gen_time is None:
                continue
            company = batch.listing.of_role(CERTIFICATE, token.authority)
            certificates = [names.batch_file(batch.number, one.name) for one in company]
            yield 'rm -f "$work"/roots.pem "$work"/others.pem'
            for sha256 in trusted[0].roots:
                file = names.authority_file(sha256)
                yield f'test "$(sha256sum < {file})" = "{sha256}  -"'
                yield f'openssl x509 -inform DER -in {file} >> "$work/roots.pem"'
            for file in certificates:
                yield f'openssl x509 -inform DER -in {file} >> "$work/others.pem"'
            more = ' -untrusted "$work/others.pem"' if certificates else ""
            yield (
                f"openssl ts -verify -in {names.batch_file(batch.number, token.name)} \\\n"
                f"  -data {names.ENVELOPE_FILE} \\\n"
                f'  -CAfile "$work/roots.pem"{more} -attime {int(token.gen_time.timestamp())}'
            )


def _log_commands() -> str:
    return f"""
jq -e --arg statement "$(sha256sum < {names.STATEMENT_FILE} | cut -d' ' -f1)" \\
  --arg envelope "$(sha256sum < {names.ENVELOPE_FILE} | cut -d' ' -f1)" \\
  '.statement_sha256 == $statement and .envelope_sha256 == $envelope' {names.ENTRY_FILE}
head -n 1 {names.LOG_PROOF_FILE} | grep -qx 'c2sp.org/tlog-proof@v1'
"""


def _parts(removed: Sequence[str]) -> str:
    left = "".join(f' and .role != "{role}"' for role in removed)
    return f"""
subject() {{
  jq -r --arg n "$1" '.subject[] | select(.name == $n) | .digest.sha256' {names.STATEMENT_FILE}
}}
test "$(sha256sum < {names.INVENTORY_FILE})" = "$(subject inventory.json)  -"
jq -r '.parts[] | select(.sha256{left}) | .role + " " + .sha256' {names.INVENTORY_FILE} |
  while read -r role sha256; do
    test "$(ls {names.OBJECTS} | grep -c "^$role[.]")" = 1
    test "$(cat {names.OBJECTS}"$role".* | sha256sum)" = "$sha256  -"
  done
test "$(jq '[.parts[] | select(.sha256{left})] | length' {names.INVENTORY_FILE})" = \\
  "$(find . -path './{names.OBJECTS}*' | wc -l)"
"""
