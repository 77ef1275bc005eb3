"""Owns the words and the reading of a report that every view shares, so that no two views tell it differently.

It judges nothing: outcome, verdicts, and what each requirement does to the gate stand in the report already.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from invoice_conformance.escaping import one_line

if TYPE_CHECKING:
    from invoice_conformance.report.document import Report

Part: TypeAlias = dict[str, Any]
"""An object of the report: a requirement, a finding, an exchange."""
OUTCOMES = {
    "full": "conformant (full): every MUST and every SHOULD holds",
    "core": "conformant (core): every MUST holds",
    "not-conformant": "not conformant",
    "incomplete": "incomplete: not every MUST could be judged",
    "aborted": "aborted: the target could not be judged",
}
SELECTION = "a selection was run, so nothing is said of the whole"
LEVELS = ("MUST", "SHOULD", "MAY")
VERDICTS = ("fail", "error", "inconclusive", "pass", "waived", "not-selected")
"""In the order in which they are of interest."""
BASES = {
    "stated": "the page says it, in words or in a schema",
    "implied": "it follows from what the page says",
    "http": "an RFC binds every HTTP server to it",
    "convention": "good practice that users of an API expect; the page does not say it, so it is never a MUST",
}
"""On what a requirement rests."""
PAGE = "“Create invoice” of the API at https://api.contracting.kukkingu.software; its text is in spec/source.md"
"""What is meant by “the page”."""
GATES = {
    0: "no {levels} fails",
    1: "at least one {levels} fails",
    3: "no {levels} is known to fail, but not every one could be judged",
    4: "nothing new fails, but the baseline lists what is not so",
    5: "the target could not be asked",
    6: "the suite itself failed; please report it",
}
"""Why a run has the exit code that it has."""
CURL, RERUN, REPEAT = "curl", "rerun", "repeat the run"
"""What the three commands are called in every view: send one request, judge one finding, do everything again."""
EXPORT = "export INVOICE_CONFORMANCE_TOKEN=…"
"""What a reader types before any of them."""
WITHOUT = (
    "without it a curl is answered 401; rerun wants invoice-conformance on the PATH, which is .venv/bin where it was "
    "installed as the README does"
)
"""What else it takes."""
LISTED = 20
"""Findings of one requirement that a view lists; the report has all."""


def cut(text: str, limit: int) -> str:
    """The first `limit` characters, and an ellipsis when there are more."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def conclusion_of(report: Report) -> str:
    """The outcome in words."""
    if report["partial"] and report["outcome"] == "incomplete" and report["stopped"] is None:
        return SELECTION
    return OUTCOMES[report["outcome"]]


def target_of(report: Report) -> str:
    """What was judged."""
    return one_line(report["target"]) if report["target"] is not None else "the embedded reference server"


def gate_of(report: Report) -> str:
    """The exit code of the run and what it says, by the levels that were asked for."""
    levels = "MUST" if report["configuration"]["level"] == "must" else "MUST or SHOULD"
    return f"exit code {report['exit_code']}: {GATES[report['exit_code']].format(levels=levels)}"


def sent_of(report: Report) -> str:
    """How much was sent and created."""
    requests, invoices = report["requests"], report["invoices_created"]
    return (
        f"{requests} {'request' if requests == 1 else 'requests'}, "
        f"{invoices} {'invoice' if invoices == 1 else 'invoices'} created"
    )


def tally_of(report: Report) -> str:
    """How many requirements of each level fail, and how many are open, in one line."""
    parts = []
    for level in LEVELS:
        counted = report["counts"].get(level, {})
        total = sum(count for verdict, count in counted.items() if verdict != "not-selected")
        if not total or (level == "MAY" and not counted.get("fail")):
            continue
        words = f"{counted.get('fail', 0)} of {total} {'MAY or contested' if level == 'MAY' else level} fail"
        undecided = counted.get("inconclusive", 0) + counted.get("error", 0)
        parts.append(words + (f", {undecided} could not be judged" if undecided else ""))
    return "; ".join(parts)


RFC = re.compile(r"RFC ([0-9]+) §([0-9.]+)")
SECTIONS = (
    (re.compile(r"#/components/schemas/CreateInvoice/properties/(\w+)"), "section Body, {}"),
    (re.compile(r"#/components/schemas/CreateInvoice(?![A-Z])|#/paths/[^/]+/post/requestBody"), "section Body"),
    (re.compile(r"#/components/schemas/Invoice/properties/(\w+)"), "the example of an answer, {}"),
    (re.compile(r"#/components/schemas/(?:Invoice|CreateInvoiceResponse)|#/paths/[^/]+/post/resp"), "section Response"),
    (re.compile(r"#/components/securitySchemes"), "section Authorizations"),
    (re.compile(r"#/paths/[^/]+/post/parameters"), "section Headers, tenant-id"),
    (re.compile(r"#/paths/[^/]+/post$"), "its head"),
)


def place_of(source: str) -> str:
    """Where a rule can be read: a section of the page and its place in the schema, an RFC's address, our reading."""
    found = RFC.match(source)
    if found is not None:
        return f"{source}, https://www.rfc-editor.org/rfc/rfc{found[1]}#section-{found[2]}"
    for pattern, words in SECTIONS:
        found = pattern.match(source)
        if found is not None:
            return f"the page, {words.format(*found.groups())} (spec/openapi.yaml{source})"
    return f"{source}, which says how the suite reads the page" if source.startswith("spec/") else source


def rule_of(row: Part) -> str:
    """The words that a requirement rests on and where they stand; of a convention, that there are none."""
    if row["basis"] == "convention":
        return f"not on the page; good practice, see {row['source']}"
    return f"“{row['quote']}” — {place_of(row['source'])}"


OUTCOMES_OF_EDGES = (
    "another day",
    "another fraction of a second",
    "another value",
    "cut off",
    "letter case changed",
    "normalised",
    "null or missing",
    "shifted",
    "space trimmed",
)
"""Classes of findings that say how a value came back, not what was sent."""
EDGES = {
    "": "",
    "NUL": "a NUL character",
    "a date-time": "a number that looks like a date-time",
    "absent": "left out",
    "and a space": "the id with a space behind it",
    "around it": "something before or after the date-time",
    "astral characters, more than maxLength in UTF-16": "emoji, few enough as characters, too many as UTF-16 units",
    "beyond binary64": "a number that no double holds",
    "code": "a currency code",
    "exponent": "a rate written with an exponent",
    "foreign": "a contract of the other tenant",
    "fraction": "a number with a fraction",
    "ideograph beyond the BMP": "a Chinese character of four bytes",
    "in its turn": "amounts in turn",
    "in other letter case": "the id in other letter case",
    "incomplete": "a part of a date-time",
    "its own": "a number of its own",
    "large": "a rate above a million",
    "legal neighbour": "a legal date-time beside an illegal one",
    "local time": "times at which clocks of time zones change",
    "many decimals": "a rate with more than six decimals",
    "maxLength": "the longest legal text",
    "maxLength+1": "one character more than the longest legal text",
    "maxLength-1": "one character less than the longest legal text",
    "maximum": "the largest legal value",
    "maximum-1": "one less than the largest legal value",
    "maximum-2": "two less than the largest legal value",
    "minLength": "the shortest legal text",
    "minLength+1": "one character more than the shortest legal text",
    "minLength-1": "one character less than the shortest legal text",
    "minimum": "the smallest legal value",
    "minimum+1": "one more than the smallest legal value",
    "negative zero": "a zero with a minus sign",
    "no code": "three characters that are no currency code",
    "no fraction": "without fractions of a second",
    "no zone": "without Z",
    "of another kind": "an id in quite another form",
    "offset": "an offset in place of Z",
    "other content": "content unlike that of the invoice before",
    "other digits": "digits of other scripts",
    "over maximum": "above the largest legal value",
    "plain value": "an ordinary value",
    "random": "values drawn at random",
    "random change": "a legal date-time with something changed at random",
    "separator": "another character in place of T",
    "set by the client": "a member that clients may not set",
    "shared": "the number of another request of the same test",
    "spelling": "an integer spelled in another way",
    "the token": "the token in the body",
    "tiny": "a rate below a millionth",
    "under minimum": "below the smallest legal value",
    "unknown": "an id that does not exist",
    "value": "a legal value between the bounds",
    "with NUL": "an id with a NUL character",
    "with a quote": "an id with an apostrophe",
    "zone": "an ending that is no Z",
}
"""Classes of values in words for who does not know the suite; those that are plain by themselves are not here."""


def edge_words(edge: str) -> str:
    """A class of values, or one value of it, in plain words."""
    family, colon, one = edge.partition(":")
    if family in OUTCOMES_OF_EDGES or family.startswith("another type ("):
        return f"comes back changed: {edge}"
    if family == "value" and one:
        return one.strip()
    if family.startswith("type="):
        words = f"a JSON {family.removeprefix('type=')} instead of the type it must have"
    else:
        words = EDGES.get(family, family)
        words = words.replace("maxLength", "the greatest length").replace("minLength", "the least length")
    return f"{words}:{one}" if colon else words


PLAIN = "plain"
"""The case whose refusal makes every other legal invoice be refused as well."""


def root_of(report: Report) -> tuple[Part, Part] | None:
    """The requirement and the finding that the plain invoice itself is refused; None when it is accepted."""
    for row in report["requirements"]:
        for finding in row["findings"]:
            refused = finding["exchange"].get("response", {"status": 0})["status"] >= 400  # noqa: PLR2004 - refusals
            if finding["case"] == PLAIN and refused and finding["expected"].startswith("a success"):
                return row, finding
    return None


def follows(finding: Part, root: tuple[Part, Part] | None) -> bool:
    """Whether a finding is the answer to the plain invoice over again."""
    return root is not None and finding is not root[1] and finding["got"] == root[1]["got"]


def followers(report: Report, root: tuple[Part, Part] | None) -> list[str]:
    """The requirements that fail in nothing but that."""
    return [
        row["id"]
        for row in report["requirements"]
        if row["findings"] and all(follows(finding, root) for finding in row["findings"])
    ]


def of_their_own(rows: list[Part], root: tuple[Part, Part] | None) -> list[Part]:
    """Failed requirements with the findings that do not follow from the root; those that have none are left out."""
    kept = [row | {"findings": [one for one in row["findings"] if not follows(one, root)]} for row in rows]
    return [row for row in kept if row["findings"]]


def root_words(report: Report) -> str:
    """That the plain invoice is refused, and what fails for that alone; empty when nothing does."""
    root = root_of(report)
    ids = followers(report, root)
    if root is None or not ids:
        return ""
    return (
        f"the plain invoice itself is refused ({root[0]['id']}), and {len(ids)} other requirements fail with the same "
        f"answer alone: {', '.join(ids)}"
    )


def title_of(finding: Part) -> str:
    """What a finding is about, as a heading."""
    return str(finding.get("title") or edge_words(finding["edge"]) or "every request")


def members_of(finding: Part) -> list[str]:
    """The members that are marked in what was sent and what came."""
    members: list[str] = finding["members"] if "members" in finding else finding["fields"]
    return members


def set_of(report: Report) -> list[str]:
    """Which set was asked for, what decides nothing for it, and that there is a newer one; empty when none was."""
    told = report["set"]
    if not told["pinned"]:
        return []
    lines = [f"set {told['name']}, as asked for"]
    if told["beyond"]:
        lines[0] += f"; newer than it, and deciding nothing: {', '.join(told['beyond'])}"
    if told["newest"] != told["name"]:
        lines.append(f"set {told['newest']} is there too; spec/CHANGELOG.md says what it may find")
    return lines


def baseline_of(report: Report) -> str:
    """The baseline and how many findings it knows; empty when there is none."""
    if report["baseline"] is None:
        return ""
    known = sum(is_known(finding) for row in report["requirements"] for finding in row["findings"])
    words = "1 known finding, which does" if known == 1 else f"{known} known findings, which do"
    return f"baseline: {one_line(report['baseline']['file'])}, {words} not fail the gate"


def level_of(row: Part) -> str:
    """The level under which a requirement is counted: one that decides nothing is counted as a MAY."""
    return str(row["level"]) if row["decides"] else "MAY"


def level_words(row: Part) -> str:
    """A requirement's level, and why it decides nothing when its level would."""
    notes = ["contested"] if row["contested"] else []
    notes += [] if row["in_set"] else ["newer than the set"]
    return ", ".join([row["level"], *notes])


def verdict_words(row: Part) -> str:
    """A requirement's verdict; what neither way is wrong does not fail but differs."""
    differs = row["verdict"] == "fail" and (row["contested"] or row["level"] == "MAY")
    return "differs" if differs else str(row["verdict"])


def rank(row: Part) -> tuple[int, bool, int]:
    """What sorts requirements by interest: verdict, what the run fails for, then level."""
    return VERDICTS.index(row["verdict"]), row["effect"] == "none", LEVELS.index(level_of(row))


def is_known(finding: Part) -> bool:
    """Whether the baseline lists it."""
    return finding["known"] is not None


def all_known(row: Part) -> bool:
    """Whether a requirement fails with nothing that the baseline does not list."""
    return bool(row["findings"]) and all(map(is_known, row["findings"]))


def known_words(finding: Part) -> str:
    """What the baseline says of a finding; empty when it says nothing."""
    known = finding["known"]
    if known is None:
        return ""
    notes = [f"line {known['line']}"]
    notes += [known["issue"]] if known["issue"] else []
    notes += [f"until {known['expires']}"] if known["expires"] else []
    return f"{known['reason']} ({', '.join(notes)})"


def listed(row: Part) -> list[Part]:
    """The findings of a requirement that a view lists, those that nobody knew first."""
    return sorted(row["findings"], key=is_known)[:LISTED]


def unlisted(row: Part) -> str:
    """That there are more findings than are listed, and where; empty when there are not."""
    more = len(row["findings"]) - LISTED
    return f"and {more} more, see report.json" if more > 0 else ""


def stability(finding: Part) -> str:
    """How often the case was broken, when that was not each time; else empty."""
    found = finding["stability"]
    return f"unstable: {found['seen']} of {found['sent']}" if found["unstable"] else ""


def repeated(finding: Part) -> str:
    """How often the case was broken and sent; empty when it was sent once."""
    found = finding["stability"]
    words = f"broken {found['seen']} of {found['sent']} times"
    return f"unstable: {words}" if found["unstable"] else words if found["sent"] > 1 else ""


def _case_words(case: str) -> list[str]:
    """What the name of a case means, where that is not plain."""
    name = case.removesuffix(", reduced")
    edge = name.partition(":")[2]
    words = edge_words(edge)
    plain = words == edge or edge.startswith("value:")
    if name != case:
        return ["made smaller as far as it still shows"] if plain else [f"made smaller, from {words}"]
    return [] if plain else [words]


def case_of(finding: Part) -> str:
    """The case, how many showed the same, in which members and tenants, and how often it was broken again."""
    # What shows in any answer has nothing to do with the values of the case that it was met in.
    notes = _case_words(str(finding["case"])) if members_of(finding) else []
    others = finding["occurrences"] - 1
    notes += [f"the same in {others} other {'case' if others == 1 else 'cases'}"] if others > 0 else []
    refused = finding.get("refused")
    notes += [f"{refused['held']} of {refused['judged']} such were refused"] if refused else []
    notes += [f"in {', '.join(finding['fields'])}"] if len(finding["fields"]) > 1 else []
    notes += ["in both tenants"] if finding.get("both_tenants") else []
    notes += [repeated(finding)] if repeated(finding) else []
    return f"{finding['case']} ({'; '.join(notes)})" if notes else str(finding["case"])


def told(finding: Part) -> list[tuple[str, str]]:
    """A finding as labelled lines, for every view that is text; whatever the target said is safe."""
    lines = [("known", known_words(finding))] if is_known(finding) else []
    lines += [("expected", finding["expected"]), ("got", finding["got"])]
    if finding["boundary"]:
        lines.append(("where", finding["boundary"]))
    # Other cases are named by their values.
    values = f"{finding['title']}, of " if finding.get("title") and ":" not in finding["case"] else ""
    lines += [("case", values + case_of(finding)), ("check", finding["check"])]
    if finding.get("curl_note"):
        lines.append(("note", finding["curl_note"]))
    lines += [(CURL, finding["curl"]), (RERUN, finding["rerun"])]
    return [(label, one_line(text)) for label, text in lines]
