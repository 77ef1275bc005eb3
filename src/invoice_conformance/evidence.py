"""Owns the evidence of a run: every exchange, written down at once, one JSON object a line.

It stores what it is given, already redacted, and judges nothing.
"""

from __future__ import annotations

import base64
import csv
import json
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from invoice_conformance.escaping import cell
from invoice_conformance.exchange import USUAL, Exchange, NoAnswer, Request, Response, Unasked, Wire
from invoice_conformance.trial import Meaning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

EVIDENCE = "evidence.ndjson"
CREATED = "created.csv"
_ORDINARY = asdict(USUAL)
_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
WHOLE = 128 * 1024 * 1024
"""Octets of evidence after which long bodies are cut: a target may answer each request with a megabyte."""
CUT = 4096


@dataclass(frozen=True, slots=True)
class Record:
    """One exchange as it was written down: which script and role it served, which attempt, and whether it counts.

    An attempt that got no answer, or whose pooled number another one replaced, is kept but does not count.
    """

    script: str
    role: str
    meaning: Meaning
    exchange: Exchange
    counts: bool
    number: str | None = None


class EvidenceWriter:
    """Writes `evidence.ndjson` and `created.csv` as things happen; safe to use from several threads.

    What was given stands in its file when the call returns.

    OSError when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._written = 0
        self._lines: deque[str] = deque()
        self._file = (folder / EVIDENCE).open("w", encoding="utf-8", newline="\n")
        self._created = (folder / CREATED).open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._created)
        self._rows.writerow(["id", "invoice_number", "tenant", "contract", "created_at"])
        self._created.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, record: Record) -> None:
        """Append one exchange."""
        if self._written > WHOLE:
            record = replace(record, exchange=_cut(record.exchange))
        line = _ENCODER.encode(to_json(record))
        self._lines.append(f"{line}\n")
        with self._lock:
            # Who comes first writes for all that wait, so that many senders cost few calls of the system.
            lines = [self._lines.popleft() for _line in range(len(self._lines))]
            if lines:
                self._written += sum(map(len, lines))
                self._file.writelines(lines)
                self._file.flush()

    def created(self, identifier: str, number: str, tenant: str, contract: str, sent_at: float) -> None:
        """Append one invoice that now exists on the target; text that a spreadsheet would run is disarmed."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(sent_at))
        with self._lock:
            self._rows.writerow([cell(text) for text in (identifier, number, tenant, contract, stamp)])
            self._created.flush()

    def close(self) -> None:
        """Finish both files."""
        with self._lock, self._created:
            self._file.close()


def _cut(exchange: Exchange) -> Exchange:
    """The exchange with the beginnings of its bodies; an answer says that it was cut, so that nothing is made of it."""
    answer = exchange.answer
    if isinstance(answer, Response) and len(answer.body) > CUT:
        answer = replace(answer, body=answer.body[:CUT], truncated=True)
    request = replace(exchange.request, body=exchange.request.body[:CUT])
    return replace(exchange, request=request, answer=answer)


def _unusual(wire: Wire) -> dict[str, Any]:
    return {name: value for name, value in asdict(wire).items() if value != _ORDINARY[name]}


def to_json(record: Record) -> dict[str, Any]:
    """A record as plain JSON values; octets that are no UTF-8 go as base64."""
    request, answer = record.exchange.request, record.exchange.answer
    return {
        "script": record.script,
        "role": record.role,
        "case": {
            "id": record.meaning.id,
            "edits": [list(edit) for edit in record.meaning.edits],
            "pooled": record.meaning.pooled,
            "standard": record.meaning.standard,
        },
        "counts": record.counts,
        "number": record.number,
        "sent_at": round(record.exchange.sent_at, 6),
        "elapsed": round(record.exchange.elapsed, 6),
        "request": {
            "method": request.method,
            "target": request.target,
            "headers": [list(header) for header in request.headers],
            "body": _octets(request.body),
            "chunked": request.chunked,
            "wire": {} if request.wire is USUAL else _unusual(request.wire),
        },
        "answer": {"kind": answer.kind, "detail": answer.detail}
        if isinstance(answer, NoAnswer)
        else {
            "status": answer.status,
            "reason": answer.reason,
            "http_version": answer.http_version,
            "headers": [list(header) for header in answer.headers],
            "body": _octets(answer.body),
            "body_length": answer.body_length,
            "body_sha256": answer.body_sha256,
            "truncated": answer.truncated,
            "surplus": _octets(answer.surplus),
            "interim": list(answer.interim),
            "disclosed": list(answer.disclosed),
            "head": _octets(answer.head),
            "unasked": _unasked(answer.unasked),
            "closed": answer.closed,
            "asked": answer.asked,
        },
        "earlier": list(record.exchange.earlier),
    }


def read(path: Path) -> Iterator[Record]:
    """The records of an evidence file, in order; a last line that a killed run left unfinished is passed over."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield from_json(json.loads(line))


def from_json(value: dict[str, Any]) -> Record:
    """The record that `to_json` wrote; KeyError or TypeError when it is something else."""
    request, answer, case = value["request"], value["answer"], value["case"]
    return Record(
        script=value["script"],
        role=value["role"],
        meaning=Meaning(
            case["id"], tuple((edit[0], edit[1]) for edit in case["edits"]), case["pooled"], case["standard"]
        ),
        exchange=Exchange(
            Request(
                request["method"],
                request["target"],
                tuple((name, text) for name, text in request["headers"]),
                _from_octets(request["body"]),
                request["chunked"],
                Wire(**request["wire"]),
            ),
            NoAnswer(answer["kind"], answer["detail"])
            if "kind" in answer
            else Response(
                status=answer["status"],
                reason=answer["reason"],
                http_version=answer["http_version"],
                headers=tuple((name, text) for name, text in answer["headers"]),
                body=_from_octets(answer["body"]),
                body_length=answer["body_length"],
                body_sha256=answer["body_sha256"],
                truncated=answer["truncated"],
                surplus=_from_octets(answer["surplus"]),
                interim=tuple(answer["interim"]),
                disclosed=tuple(answer["disclosed"]),
                head=_from_octets(answer["head"]),
                unasked=_from_unasked(answer["unasked"]),
                closed=answer["closed"],
                asked=answer["asked"],
            ),
            value["sent_at"],
            value["elapsed"],
            tuple(value["earlier"]),
        ),
        counts=value["counts"],
        number=value["number"],
    )


def _octets(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _unasked(found: Unasked | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"octets": _octets(found.octets), "method": found.method, "status": found.status}


def _from_unasked(value: dict[str, Any] | None) -> Unasked | None:
    return None if value is None else Unasked(_from_octets(value["octets"]), value["method"], value["status"])


def _from_octets(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])
