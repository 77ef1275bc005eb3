"""Owns the invoices: one SQLite table in which a number is claimed at most once.

It must not know what makes an invoice valid, nor what two numbers have in common.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Final, TypeAlias

from invoice_conformance.reference.strict_json import JsonValue, Number

Members: TypeAlias = dict[str, JsonValue]
"""The members of an invoice by their names on the page."""

Claim: TypeAlias = tuple[str, str] | None
"""The scope and number that an invoice takes for itself; None takes nothing."""

MEMBERS: Final = (
    "id",
    "contract",
    "status",
    "invoiceNumber",
    "exchangeRate",
    "currencyCode",
    "amountMinor",
    "createdAt",
    "updatedAt",
    "issuedAt",
    "dueAt",
    "paidAt",
)
"""The twelve members of the page's example, in its order."""

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS invoices (
    position INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    claimed_scope TEXT,
    claimed_number TEXT,
    {", ".join(name + (" INTEGER" if name == "amountMinor" else " TEXT") for name in MEMBERS)},
    UNIQUE (claimed_scope, claimed_number)
);
CREATE INDEX IF NOT EXISTS invoices_by_id ON invoices (id);
CREATE INDEX IF NOT EXISTS invoices_by_tenant ON invoices (tenant);
"""
_COLUMNS: Final = ", ".join(MEMBERS)
_SLOTS: Final = ", ".join("?" * (len(MEMBERS) + 3))
_INSERT: Final = f"INSERT INTO invoices (tenant, claimed_scope, claimed_number, {_COLUMNS}) VALUES ({_SLOTS})"  # noqa: S608
_FIND: Final = f"SELECT {_COLUMNS} FROM invoices WHERE id = ? AND tenant = ?"  # noqa: S608
_LIST: Final = f"SELECT {_COLUMNS} FROM invoices WHERE tenant = ? ORDER BY position DESC LIMIT ?"  # noqa: S608


class Taken(Exception):  # noqa: N818 - the name says what the number is
    """The number that an invoice claims belongs to another one."""


class Store:
    """Invoices in memory, or in the file `database`, which is created or continued.

    One connection serves all threads in turn. The UNIQUE constraint decides who is first, so it holds
    between processes on one file too. SQLite treats NULLs as different, so an invoice without a claim
    never collides.
    """

    def __init__(self, database: str = ":memory:") -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        if database == ":memory:":
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("PRAGMA journal_mode = OFF")
        else:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def insert(self, tenant: str, invoice: Members, claim: Claim) -> None:
        """Keep `invoice`; raises `Taken`, and keeps nothing, when another one holds the claim."""
        values = [_to_column(invoice[name]) for name in MEMBERS]
        scope, number = claim or (None, None)
        with self._lock:
            try:
                self._connection.execute(_INSERT, (tenant, scope, number, *values))
            except sqlite3.IntegrityError:
                raise Taken from None

    def find(self, tenant: str, invoice_id: str) -> Members | None:
        """The tenant's invoice with this id."""
        with self._lock:
            row = self._connection.execute(_FIND, (invoice_id, tenant)).fetchone()
        return _to_members(row) if row else None

    def newest(self, tenant: str, limit: int) -> list[Members]:
        """At most `limit` invoices of the tenant, the newest first."""
        with self._lock:
            rows = self._connection.execute(_LIST, (tenant, limit)).fetchall()
        return [_to_members(row) for row in rows]

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()


def _to_column(value: JsonValue) -> str | int | float | None:
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, list | dict):
        raise TypeError("an invoice holds no arrays and objects")
    return value


def _to_members(row: tuple[str | int | None, ...]) -> Members:
    members: Members = dict(zip(MEMBERS, row, strict=True))
    rate = members["exchangeRate"]
    members["exchangeRate"] = Number(rate) if isinstance(rate, str) else rate
    return members
