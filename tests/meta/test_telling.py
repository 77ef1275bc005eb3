"""Owns what a finding tells its reader: only what is so, and enough to see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.meta.trials import RULES, answer, read

from invoice_conformance.config import Settings
from invoice_conformance.session import Suite
from invoice_conformance.trial import Meaning, Trial
from invoice_conformance.verdict import Judge

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
