# SPDX-License-Identifier: Apache-2.0
"""Forms, claims, codes and the job's payload in import.md are those of the code."""

import json
import re
from dataclasses import fields

from specs.documents import codes, spec, table

from archive.importing import memento, ranges, wacz_findings
from archive.importing.forms import READ_IN_PLACE
from archive.importing.wacz_findings import FORM, SIGNATURE
from archive.model.imported import FORMS, ImportGroup
from archive.proofs import wacz_auth
from archive.services.imports import gather
from archive.services.imports import index as import_index
from archive.services.imports import timemap as import_timemap
from archive.services.imports.verify_package import PackageAnswer
from archive.services.jobs.handlers import handler_of
from archive.settings import ImportSettings

TEXT = spec("import.md")
CODE = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_UNKNOWN = re.compile(r"`([A-Z_]+)` \(unknown\)")


def constants(*modules: object) -> set[str]:
    """Every code that these modules hand out."""
    return {
        value
        for module in modules
        for value in vars(module).values()
        if type(value) is str and CODE.fullmatch(value)
    }


def test_the_forms_are_those_of_the_code() -> None:
    rows = {codes(row[0])[0]: row[2] for row in table(TEXT, "form")}
    assert tuple(rows) == FORMS
    assert {name for name, how in rows.items() if how == "where they lie"} == {
        *READ_IN_PLACE,
        "memento",
        "remote-warc",
    }


def test_the_claims_of_a_package_have_the_codes_of_the_code() -> None:
    rows = {codes(row[0])[0]: row[2] for row in table(TEXT, "claim of a package")}
    assert set(rows) == {FORM, SIGNATURE}
    assert set(codes(rows[FORM])) == constants(wacz_findings) - {"DEPENDS"}
    assert set(codes(rows[SIGNATURE])) == constants(wacz_auth)
    assert set(_UNKNOWN.findall(rows[SIGNATURE])) == {
        wacz_auth.SIGNATURE_ABSENT,
        wacz_auth.SIGNATURE_UNTRUSTED,
    }


def test_the_claims_of_an_answer_have_the_codes_of_the_code() -> None:
    rows = {codes(row[0])[0]: row[2] for row in table(TEXT, "claim of an answer")}
    assert set(rows) == {memento.CLAIM, ranges.CLAIM}
    assert set(codes(rows[memento.CLAIM])) == constants(memento, import_timemap)
    assert set(codes(rows[ranges.CLAIM])) == constants(ranges, import_index)
    taken = re.search(
        r"The records are in only on a pass, and with (.+?)\. A target", TEXT, re.DOTALL
    )
    assert taken is not None
    assert set(codes(taken[1])) == gather._TAKEN_CODES


def test_the_answer_about_a_package_has_the_members_of_the_page() -> None:
    rows = [codes(row[0])[0] for row in table(TEXT, "member of a package")]
    answer = PackageAnswer(hash_ok=True, signature="valid", signer=None, findings=())
    value = answer.to_json()
    assert isinstance(value, dict)
    assert rows == list(value)
    kinds = {verdict.value for verdict in wacz_auth.Verdict}
    meaning = next(row[2] for row in table(TEXT, "member of a package") if "`signature`" in row[0])
    assert set(codes(meaning)) == kinds


def test_the_payload_of_the_job_is_that_of_the_code() -> None:
    rows = table(TEXT, "member of the payload")
    written = {codes(name)[0]: json.loads(codes(default)[0]) for name, default, _ in rows}
    assert written == handler_of("import").defaults


def test_the_limits_of_a_group_are_those_of_the_code() -> None:
    found = re.search(r"at most (\d+) answers, (\d+) MiB or a minute", " ".join(TEXT.split()))
    assert found is not None
    assert [int(number) for number in found.groups()] == [
        gather.GROUP_ITEMS,
        gather.GROUP_BYTES // 2**20,
    ]
    assert gather.GROUP_SECONDS == 60


def test_the_settings_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`import\.([a-z_]+)`", TEXT))
    assert named == {item.name for item in fields(ImportSettings)}


def test_the_statement_page_lists_the_members_of_an_import() -> None:
    rows = table(spec("statement.md").split("Content of an `import` Statement")[1], "member")
    written = {name.partition(".")[0].partition("[")[0] for row in rows for name in codes(row[0])}
    known = {item.name for item in fields(ImportGroup)}
    renamed = {"container_sha256": "container", "container_size": "container"}
    assert written - {""} == {renamed.get(name, name) for name in known}
