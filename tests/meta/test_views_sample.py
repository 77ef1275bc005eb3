"""The sample of every view in reports/sample: made by one command, and current."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests import sample
from tests.meta.facing import settle_in

from invoice_conformance.report import views
from invoice_conformance.report.formats import FILES

if TYPE_CHECKING:
    from pathlib import Path

TOLD = ("id", "area", "level", "basis", "contested", "text", "quote", "source", "why", "verdict", "reason")
AGAIN = "; make it again with `python -m tests.sample`"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        settle_in(patch, tmp_path_factory.mktemp("sample"))
        return sample.made()


def told(text: str) -> list[Any]:
    """What a report says of requirements and findings, without what a slow machine may change."""
    return [
        [
            {key: row[key] for key in TOLD},
            [(finding["id"], finding["case"], finding["expected"], finding["got"]) for finding in row["findings"]],
        ]
        for row in json.loads(text)["requirements"]
    ]


def test_there_is_a_sample_of_every_view(made: dict[str, str]) -> None:
    assert {path.name for path in sample.FOLDER.iterdir()} == set(made)
    assert len(made) == len(FILES)


def test_the_sample_says_what_a_run_says_now(made: dict[str, str]) -> None:
    committed = (sample.FOLDER / "report.json").read_text(encoding="utf-8")

    assert told(committed) == told(made["report.json"]), f"reports/sample is stale{AGAIN}"


@pytest.mark.parametrize("view", sample.SHOWN)
def test_the_sample_s_views_are_those_of_its_report(view: str) -> None:
    report, folder = views.load(sample.FOLDER)
    path = sample.FOLDER / (sample.NAMES.get(view) or str(FILES[view]))

    shown = views.render(report, folder, view).replace(str(folder), "reports/sample")
    assert path.read_text(encoding="utf-8") == shown, f"{path.name} is stale{AGAIN}"


def test_the_map_blames_no_value_for_what_breaks_at_any() -> None:
    report, _folder = views.load(sample.FOLDER)

    failed = {row["id"] for row in report["requirements"] if row["verdict"] == "fail"}
    broken = {cell["field"] for cell in report["map"] if cell["broken"]}
    assert {"HEAD-NOSNIFF", "HEAD-NO-BANNER"} < failed
    assert broken == {"amountMinor", "exchangeRate", "issuedAt", "dueAt", "paidAt"}


def test_the_sample_names_no_machine_and_no_day() -> None:
    everything = "".join(path.read_text(encoding="utf-8") for path in sample.FOLDER.iterdir())

    assert "/tmp/" not in everything  # noqa: S108 - what must not be there
    assert str(sample.ROOT) not in everything
    assert "ref-k3n8q5w2x7" not in everything


def test_the_sample_s_archive_holds_the_same_exchanges(made: dict[str, str]) -> None:
    def exchanges(text: str) -> list[tuple[str, int, str]]:
        return [
            (entry["comment"], entry["response"]["status"], entry["request"].get("postData", {}).get("text"))
            for entry in json.loads(text)["log"]["entries"]
        ]

    committed = (sample.FOLDER / "evidence.har").read_text(encoding="utf-8")
    assert exchanges(committed) == exchanges(made["evidence.har"]), f"evidence.har is stale{AGAIN}"


def test_the_command_writes_the_sample(tmp_path: Path, made: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "FOLDER", tmp_path / "sample")
    monkeypatch.setattr(sample, "made", lambda: made)

    assert sample.main() == 0
    assert {path.name for path in (tmp_path / "sample").iterdir()} == set(made)
