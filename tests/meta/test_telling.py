"""Owns what a finding tells its reader: only what is so, and enough to see it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.meta.reports import finding, report, row
from tests.meta.trials import RULES, answer, read

from invoice_conformance import locate
from invoice_conformance.config import Settings
from invoice_conformance.reference.embed import FaultFarm, ReferenceServer
from invoice_conformance.report import views
from invoice_conformance.report.page import page
from invoice_conformance.report.seeing import AFTER, AFTER_HEAD, CUT_SHORT, HEAD_AS_WRITTEN, UNREADABLE
from invoice_conformance.report.terminal import FINDINGS_SHOWN
from invoice_conformance.report.words import case_of, title_of
from invoice_conformance.session import Suite, run
from invoice_conformance.trial import Meaning, Trial
from invoice_conformance.verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.catalogue import Requirement

SUITE: Final = Suite.load()


def test_the_map_blames_no_member_for_what_follows_an_answer() -> None:
    plan = SUITE.plan(Settings(requirement=("MESSAGE-SURPLUS", "HTTP-SURVIVED", "BODY-UNKNOWN"), profile="quick"))
    judge = Judge(plan, SUITE.catalogue, RULES)
    scripts = (script for one in plan.planned if one.check.requirement == "MESSAGE-SURPLUS" for script in one.scripts)
    script = next(one for one in scripts if len(one.act.edits) == 1)
    edits = tuple((edit.field, edit.edge) for edit in script.act.edits)
    came = replace(answer(422, "{}"), surplus=b"invoice refused\n")

    judge.script(script, Trial(script.id, {"act": (replace(read(came), meaning=Meaning(script.act.id, edits)),)}))

    assert [found.requirement for found in judge.findings()] == ["MESSAGE-SURPLUS"]
    assert [met.broken for met in judge.met().values()] == [set()]


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as running:
        yield running


def told(farm: FaultFarm, fault: str, requirement: str, folder: Path, *cases: str) -> list[dict[str, Any]]:
    """The findings of one requirement of a run against a server with a fault, as the report tells them."""
    settings = Settings(
        base_url=farm.urls[fault],
        token=ReferenceServer.token,
        tenant_id=ReferenceServer.tenant_id,
        contract_id=ReferenceServer.contract_id,
        other_tenant_id=ReferenceServer.other_tenant_id,
        other_contract_id=ReferenceServer.other_contract_id,
        requirement=(requirement,),
        case=cases,
        out=folder,
    )
    report = run(SUITE, settings, SUITE.plan(settings)).report
    found: list[dict[str, Any]] = next(row for row in report["requirements"] if row["id"] == requirement)["findings"]
    assert found
    return found


@pytest.mark.parametrize(
    ("fault", "requirement", "note", "seen"),
    [
        ("answer-written-twice", "MESSAGE-SURPLUS", AFTER, "Excess found"),
        ("length-of-characters", "MESSAGE-SURPLUS", AFTER, "Excess found"),
        ("debug-line-after-answer", "MESSAGE-SURPLUS", AFTER, ""),
        ("body-cut-at-a-buffer", "MESSAGE-COMPLETE", CUT_SHORT, "curl: (18)"),
        ("head-with-body", "MESSAGE-NO-BODY", AFTER_HEAD, "Excess found"),
        ("no-content-with-body", "MESSAGE-NO-BODY", AFTER_HEAD, "Excess found"),
        ("control-in-value", "MESSAGE-SYNTAX", HEAD_AS_WRITTEN, ""),
        ("blank-before-colon", "MESSAGE-WELL-FORMED", UNREADABLE, ""),
    ],
)
def test_curl_shows_what_its_note_says(
    farm: FaultFarm, fault: str, requirement: str, note: str, seen: str, tmp_path: Path
) -> None:
    (found, *_others) = told(farm, fault, requirement, tmp_path)

    done = subprocess.run(  # noqa: S603 - what the report says
        ["bash", "-c", found["curl"].replace("curl -i", "curl -i -v -m 5")],  # noqa: S607 - the user's own
        env={"PATH": "/usr/bin:/bin", "INVOICE_CONFORMANCE_TOKEN": ReferenceServer.token},
        capture_output=True,
        check=False,
    )

    assert found["curl_note"].endswith(note)
    assert seen in done.stderr.decode(errors="replace")


def test_what_followed_an_answer_is_shown(farm: FaultFarm, tmp_path: Path) -> None:
    (found, *_others) = told(farm, "debug-line-after-answer", "MESSAGE-SURPLUS", tmp_path)

    came = found["exchange"]["response"]
    made = page(report(row("MESSAGE-SURPLUS", "fail", findings=[found])))

    assert came["surplus"] == "invoice refused\n"
    assert "<mark>invoice refused\\n</mark>" in made or "<mark>invoice refused\n</mark>" in made


def test_a_token_that_is_no_secret_is_named_and_the_others_are_counted(farm: FaultFarm, tmp_path: Path) -> None:
    (found,) = told(farm, "token-null-trusted", "AUTH-TOKEN", tmp_path)

    assert found["expected"].endswith("because this is not the token: the word null for a token")
    assert title_of(found) == "the word null for a token"
    assert "9 of 10 such were refused" in case_of(found)


@pytest.mark.parametrize(
    ("fault", "requirement", "words"),
    [
        ("amount-fraction-truncated", "BODY-INTEGER", ", with amountMinor=5000"),
        ("dates-empty-string-as-null", "BODY-PATTERN", ", with issuedAt=null"),
        ("contract-null-accepted", "BODY-NULL", ', with contract="ctr_z23aoo8naxk68ewcr64tchh5"'),
    ],
)
def test_what_an_illegal_value_became_is_told(
    farm: FaultFarm, fault: str, requirement: str, words: str, tmp_path: Path
) -> None:
    (found, *_others) = told(farm, fault, requirement, tmp_path)

    assert found["got"].startswith("201 Created: an invoice was made (id ")
    assert found["got"].endswith(words)


def test_a_case_is_counted_once_however_often_it_is_judged() -> None:
    plan = SUITE.plan(Settings(requirement=("MESSAGE-SURPLUS",), profile="quick"))
    judge = Judge(plan, SUITE.catalogue, RULES)
    script = next(one for planned in plan.planned for one in planned.scripts if len(one.steps) > 1)
    act = replace(read(replace(answer(422, "{}"), surplus=b"x")), meaning=Meaning(script.act.id))

    judge.exchange(act)
    judge.script(script, Trial(script.id, {"act": (act,)}))

    assert [found.occurrences for found in judge.findings()] == [1]


def test_the_others_of_a_case_are_counted_without_it() -> None:
    once = {"seen": 1, "sent": 1, "unstable": False}

    words = [
        case_of(finding(case="plain", occurrences=count, stability=once, both_tenants=False)) for count in (1, 2, 9)
    ]

    assert words == ["plain", "plain (the same in 1 other case)", "plain (the same in 8 other cases)"]


def test_no_failed_requirement_is_hidden_by_the_findings_of_another() -> None:
    crowd = [finding(got=f"{count}") for count in range(FINDINGS_SHOWN)]
    contested = row("TENANT-X", "fail", contested=True)

    made = views.render(report(row("A-B", "fail", findings=crowd), row("A-C", "fail"), contested), Path(), "text")
    ids = [f"Z-{count}" for count in range(FINDINGS_SHOWN + 1)]
    many = views.render(report(*(row(name, "fail") for name in ids)), Path(), "text")

    assert made.count("MUST A-B ") == FINDINGS_SHOWN - 2
    assert "MUST A-C " in made
    assert "MUST, contested TENANT-X " in made
    assert "… 2 more findings are in report.html.\n" in made
    assert f"… 1 more finding is in report.html; these requirements fail too: {ids[-1]}.\n" in many


def test_no_quote_ends_within_brackets() -> None:
    halved = [one.id for one in SUITE.catalogue if _brackets(one.quote) != [0, 0, 0]]

    assert halved == []


def test_the_terminal_cuts_no_quote() -> None:
    (longest,) = sorted(SUITE.catalogue, key=lambda one: len(one.quote))[-1:]

    made = views.render(report(row(longest.id, "fail", quote=longest.quote)), Path(), "text")

    assert f"“{longest.quote}”" in made


@pytest.mark.parametrize("one", [one for one in SUITE.catalogue if "-ECHO" in one.id], ids=lambda one: one.id)
def test_what_comes_back_rests_on_both_examples_of_the_page(one: Requirement) -> None:
    source = " ".join((locate.spec_dir() / "source.md").read_text(encoding="utf-8").split())
    request, answer = source.partition('{ "data"')[::2]

    assert one.quote in request
    assert one.quote in answer
    assert one.why.startswith("The page's examples of a request and of its answer show the same ")


def _brackets(text: str) -> list[int]:
    return [text.count(left) - text.count(right) for left, right in ("()", "[]", "{}")]


def test_all_requests_that_show_it_are_shown_and_what_differs_is_marked(farm: FaultFarm, tmp_path: Path) -> None:
    (found,) = told(farm, "number-unique-across-tenants", "UNIQUE-PER-TENANT", tmp_path)

    made = page(report(row("UNIQUE-PER-TENANT", "fail", level="MAY", contested=True, findings=[found])))
    article = made[made.index("<article") : made.index("</article>")]

    assert [step["came"][:12] for step in found["steps"]] == ["201 Created:", "409 Conflict"]
    assert "Request 1 of 2, answered 201 Created" in article
    assert f"<mark>tenant-id: {ReferenceServer.tenant_id}</mark>" in article
    assert f"<mark>tenant-id: {ReferenceServer.other_tenant_id}</mark>" in article


def test_what_neither_way_is_wrong_differs_and_does_not_fail() -> None:
    rows = [row("A-B", "fail"), row("A-C", "fail", "SHOULD", in_set=False), row("A-D", "fail", "MAY", contested=True)]

    made = page(report(*rows))

    assert re.findall(r'<summary><span class="pill (\w+)">(\w+)<', made) == [("fail", "fail")] * 2 + [
        ("differs", "differs")
    ]
    assert 'id="A-D" data-verdict="fail"' in made
    assert "(differs, and decides nothing)" in views.render(report(rows[2]), Path(), "text")
    assert "differs" not in views.render(report(*rows[:2]), Path(), "text")


def test_the_readme_shows_what_a_run_prints(farm: FaultFarm, tmp_path: Path) -> None:
    readme = (locate.spec_dir().parent / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("a run ends like this")[2].split("```")[1].strip().split("\n")

    told(farm, "amount-int32-refused", "AMOUNT-ACCEPTED", tmp_path)
    printed = views.render(views.load(tmp_path)[0], tmp_path, "text").replace(
        farm.urls["amount-int32-refused"], "https://host"
    )

    begun = [line.removesuffix(" …").split("; the same in")[0] for line in shown[: shown.index("")]]
    assert len(begun) == 10
    assert [line for line in begun if line not in printed] == []
