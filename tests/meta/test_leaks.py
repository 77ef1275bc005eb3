"""What counts as a leak of a server's inside, framework by framework, and what only looks like one."""

from __future__ import annotations

import html
import json
import time
from typing import Final

import pytest

from invoice_conformance.leaks import LEAKS, echoes_of, leak_in, together

PYTHON, JAVA_STACK, JAVA, JAVASCRIPT = (
    "a Python traceback",
    "a Java stack trace",
    "a Java class",
    "a JavaScript stack trace",
)
GO_STACK, GO, PHP, RUBY, NET = (
    "a Go stack trace",
    "a Go type",
    "a PHP error",
    "a Ruby backtrace",
    "a .NET stack trace",
)
RUST, ELIXIR, SQL, PATH = ("a Rust panic", "an Elixir or Erlang error", "SQL", "a path of the server")
ADDRESS, CREDENTIALS, VERSION = (
    "an address behind the server",
    "credentials of the server",
    "the version of an application server",
)

SAMPLES: Final[tuple[tuple[str, str, str], ...]] = (
    (PYTHON, "traceback", 'Traceback (most recent call last):\n  File "main.py", line 3, in create\n'),
    (PYTHON, "Django page", "<p>You're seeing this error because you have <code>DEBUG = True</code> in your settings"),
    (PYTHON, "Django ORM", "django.db.utils.IntegrityError: duplicate"),
    (
        PYTHON,
        "Werkzeug debugger",
        "<h1>IntegrityError</h1> ... The debugger caught an exception in your WSGI application.",
    ),
    (PYTHON, "Starlette debugger", "<title>Starlette Debugger</title>"),
    (PYTHON, "SQLAlchemy", "(sqlalchemy.exc.IntegrityError) number"),
    (PYTHON, "asyncpg", "asyncpg.exceptions.UniqueViolationError: taken"),
    (PYTHON, "pydantic", "pydantic_core._pydantic_core.ValidationError: 1 validation error"),
    (PYTHON, "None", "'NoneType' object has no attribute 'lower'"),
    (PYTHON, "repr", "<app.models.Invoice object at 0x7f1c2a3b4d50> is not JSON serializable"),
    (JAVA_STACK, "frames", "\tat software.acme.InvoiceService.create(InvoiceService.java:41)"),
    (JAVA_STACK, "modules", "at java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(Unknown Source)"),
    (JAVA, "Spring Boot", '{"status":500,"exception":"org.springframework.dao.DataIntegrityViolationException"}'),
    (JAVA, "null pointer", "java.lang.NullPointerException"),
    (JAVA, "helpful null pointer", 'Cannot invoke "String.length()" because "number" is null'),
    (JAVA, "Jackson", "Cannot deserialize value of type `java.lang.Long` from String"),
    (JAVA, "Jackson class", "com.fasterxml.jackson.databind.exc.InvalidFormatException"),
    (JAVA, "Hibernate", "could not execute statement; constraint [uk_tenant_number]"),
    (JAVA, "own class", "software.acme.billing.DuplicateNumberException: taken"),
    (JAVASCRIPT, "Express", "Error: x<br> &nbsp; &nbsp;at Layer.handle [as handle_request] (/app/lib/layer.js:95:5)"),
    (JAVASCRIPT, "anonymous", "at Object.<anonymous> (/app/dist/main.js:10:5)"),
    (JAVASCRIPT, "Node", "at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"),
    (JAVASCRIPT, "Windows", "at create (C:\\site\\server.ts:3:11)"),
    (JAVASCRIPT, "undefined", "Cannot read properties of undefined (reading 'id')"),
    (JAVASCRIPT, "old undefined", "Cannot read property 'id' of undefined"),
    (JAVASCRIPT, "Prisma", "Invalid `prisma.invoice.create()` invocation"),
    (JAVASCRIPT, "Sequelize", '{"name":"SequelizeUniqueConstraintError"}'),
    (JAVASCRIPT, "TypeORM", "QueryFailedError: duplicate"),
    (JAVASCRIPT, "Mongoose", 'Cast to Number failed for value "x" at path "amountMinor"'),
    (GO_STACK, "goroutine", "goroutine 17 [running]:"),
    (GO_STACK, "Gin", "runtime error: invalid memory address or nil pointer dereference"),
    (GO_STACK, "panic", "panic: interface conversion: interface {} is nil"),
    (GO, "encoding/json", "json: cannot unmarshal string into Go struct field Invoice.amountMinor of type int64"),
    (GO, "value", "json: cannot unmarshal array into Go value of type api.Invoice"),
    (GO, "validator", "Key: 'Invoice.Number' Error:Field validation for 'Number' failed on the 'required' tag"),
    (GO, "database/sql", "sql: no rows in result set"),
    (PHP, "fatal", "PHP Fatal error:  Uncaught TypeError: x in /site/a.php:12"),
    (PHP, "Laravel", json.dumps({"exception": "Illuminate\\Database\\QueryException", "line": 742})),
    (PHP, "Symfony", "Symfony\\Component\\HttpKernel\\Exception\\BadRequestHttpException"),
    (PHP, "own class", json.dumps("App\\Models\\Invoice")),
    (PHP, "PDO", "PDOException"),
    (PHP, "key", 'Undefined array key "amountMinor"'),
    (PHP, "member", "Call to a member function format() on null"),
    (RUBY, "backtrace", "app/models/invoice.rb:12:in `create'"),
    (RUBY, "backtrace of 3.4", "invoice.rb:12:in 'Invoice#create'"),
    (RUBY, "Rails", "ActiveRecord::RecordNotUnique"),
    (RUBY, "nil", "undefined method `length' for nil:NilClass"),
    (RUBY, "inspected", "#<Invoice:0x00007f8b1c0a3f28>"),
    (NET, "frames", "   at Acme.Invoices.Create(Invoice i) in C:\\src\\Invoices.cs:line 12"),
    (NET, "frames without symbols", "   at Acme.Invoices.Create(Invoice i)\r\n   at Acme.Web.Run()"),
    (NET, "exception", "System.NullReferenceException"),
    (NET, "Entity Framework", "Microsoft.EntityFrameworkCore.DbUpdateException"),
    (NET, "driver", "Npgsql.PostgresException (0x80004005): 23505"),
    (NET, "developer page", "An unhandled exception occurred while processing the request."),
    (NET, "null", "Object reference not set to an instance of an object."),
    (NET, "own class", "The JSON value could not be converted to Acme.Api.CreateInvoice. Path: $ | LineNumber: 0"),
    (RUST, "panic", "thread 'tokio-runtime-worker' panicked at src/main.rs:12:5:"),
    (RUST, "unwrap", "called `Result::unwrap()` on an `Err` value"),
    (RUST, "serde", "invalid type: sequence, expected struct CreateInvoice at line 1 column 0"),
    (ELIXIR, "Phoenix", "** (KeyError) key :id not found"),
    (ELIXIR, "Ecto", "** (Ecto.ConstraintError) constraint error when attempting to insert struct"),
    (ELIXIR, "changeset", "#Ecto.Changeset<action: :insert>"),
    (ELIXIR, "stack", "(acme 0.1.0) lib/acme/invoices.ex:12: Acme.Invoices.create/1"),
    (SQL, "statement", "INSERT INTO invoices (id, number) VALUES ($1, $2)"),
    (SQL, "query", 'SELECT "id", "number" FROM "invoices" WHERE "tenant" = $1'),
    (SQL, "Hibernate's statement", "insert into invoice (id, number) values (?, ?)"),
    (SQL, "one column", "SELECT number FROM invoices"),
    (SQL, "Knex", "select * from `invoices` where `number` = 'T-1'"),
    (SQL, "PDO", "SQLSTATE[23505]: Unique violation"),
    (SQL, "pgx", "ERROR: duplicate (SQLSTATE 23505)"),
    (SQL, "lib/pq", 'pq: duplicate key value violates unique constraint "invoices_number_key"'),
    (SQL, "foreign key", 'violates foreign key constraint "invoices_contract_fk"'),
    (SQL, "Ruby driver", "PG::UniqueViolation"),
    (SQL, "MySQL", "Duplicate entry 'T-1' for key 'invoices.uq_number'"),
    (SQL, "MySQL syntax", "You have an error in your SQL syntax; check the manual"),
    (SQL, "MySQL length", "Data too long for column 'number' at row 1"),
    (SQL, "SQLite", "UNIQUE constraint failed: invoices.tenant, invoices.number"),
    (SQL, "Node SQLite", '{"code":"SQLITE_CONSTRAINT_UNIQUE"}'),
    (SQL, "SQL Server", "Violation of UNIQUE KEY constraint 'UQ_Number'. Cannot insert duplicate key"),
    (SQL, "Oracle", "ORA-00001: unique constraint (ACME.UQ_NUMBER) violated"),
    (SQL, "MongoDB", "E11000 duplicate key error collection: acme.invoices index: number_1"),
    (SQL, "NUL", 'invalid byte sequence for encoding "UTF8": 0x00'),
    (SQL, "type", 'invalid input syntax for type uuid: "x"'),
    (PATH, "Python", "/srv/app/invoices/views.py"),
    (PATH, "Lambda", "/var/task/index.js:12:3"),
    (PATH, "home", "/home/deploy/api/config/database.yml.conf"),
    (PATH, "Windows", "C:\\inetpub\\wwwroot\\api\\web.config"),
    (PATH, "Windows in JSON", json.dumps("C:\\inetpub\\new\\web.config")),
    (ADDRESS, "Node", "connect ECONNREFUSED 10.0.0.5:5432"),
    (ADDRESS, "Node's DNS", "getaddrinfo ENOTFOUND db"),
    (ADDRESS, "Go", "dial tcp 172.17.0.3:3306: connect: connection refused"),
    (ADDRESS, "JDBC", "Connection to db.internal:5432 refused. Check that the hostname and port are correct"),
    (ADDRESS, "libpq", 'connection to server at "db" failed'),
    (ADDRESS, "bare", '{"database":"192.168.0.7:27017"}'),
    (ADDRESS, "cloud", "acme.c9akciq32.eu-central-1.rds.amazonaws.com"),
    (CREDENTIALS, "URL", "postgres://app:hunter2@db/invoices"),
    (CREDENTIALS, "JDBC", "jdbc:mysql://db:3306/invoices"),
    (CREDENTIALS, "ADO", "Server=db;User Id=app;Password=hunter2;"),
    (CREDENTIALS, "environment", '{"DB_PASSWORD":"hunter2"}'),
    (CREDENTIALS, "Laravel's environment", "APP_KEY => base64:abc"),
    (CREDENTIALS, "cloud key", "AKIAABCDEFGHIJKLMNOP"),
    (VERSION, "Tomcat", "<h3>Apache Tomcat/9.0.71</h3>"),
    (VERSION, "Jetty", "<a>Powered by Jetty:// 9.4.51</a>"),
)
"""What the frameworks answer, cut to the words that tell: family, where it comes from, text."""

INNOCENT: Final[tuple[tuple[str, str], ...]] = (
    ("Python", 'the file "main.py" is no invoice; see line 3; ValueError is no ValidationError of django'),
    (
        "FastAPI",
        '{"detail":[{"type":"int_parsing","loc":["body","amountMinor"],"msg":"Input should be a valid integer"}]}',
    ),
    ("pydantic's link", "https://errors.pydantic.dev/2.5/v/int_parsing"),
    ("Java", "amountMinor at com.acme: java and kotlin clients must send a Long; Exception in the order of dates"),
    ("AWS", '{"__type":"com.amazon.coral.validate#ValidationException"}'),
    ("Google", '{"@type":"type.googleapis.com/google.rpc.BadRequest"}'),
    ("Spring", '{"timestamp":"2026-01-01T00:00:00Z","status":400,"error":"Bad Request","path":"/api/v1/invoices"}'),
    ("JavaScript", "Unexpected token } in JSON at position 120; look at line 3:12"),
    ("Fastify", '{"statusCode":400,"code":"FST_ERR_VALIDATION","message":"body/amountMinor must be integer"}'),
    ("a time", "at 14:48:00 or at invoice.ts 12:30"),
    ("Go", "json: the body is no JSON; cannot unmarshal; amountMinor must be of type int64; don't panic: go on"),
    ("PHP", 'Warning: the amount in minor units is odd; {"type":"https://acme.test/errors.php"}'),
    ("PHP's namespaces", "the application\\json; Undefined property: notes"),
    ("Ruby", "Invoice::Number is taken; undefined method for payment; see invoice.rb"),
    (".NET", "The JSON value could not be converted to System.Int64. Path: $.amountMinor | LineNumber: 0"),
    (".NET generics", "could not be converted to System.Nullable`1[System.Decimal]. Path: $.exchangeRate"),
    ("Rust", 'Failed to deserialize: amountMinor: invalid type: string "5000", expected i64 at line 1 column 120'),
    ("Elixir", "** (required) ** note"),
    (
        "SQL words",
        "Select one from the list; update your set of dates; insert into the body a number; unique constraint",
    ),
    (
        "a validator's words",
        "invoiceNumber violates unique constraint; duplicate entry for invoiceNumber; value out of range",
    ),
    ("capitals", "PLEASE SELECT A NUMBER THAT DIFFERS FROM THE LAST"),
    ("a page's address", "https://docs.acme.test/app/docs/errors/duplicate.html and /home/docs/errors/index.html"),
    ("an address of code", "https://github.test/srv/app/main.py"),
    ("a page's scripts", '<script src="/app/main.js"></script><link href="/build/app.mjs">'),
    ("our own address", '{"instance":"http://127.0.0.1:5432/api/v1/invoices"}'),
    ("our client's address", '{"client":"10.0.0.7:51234","via":"127.0.0.1:8080"}'),
    ("a code", '{"code":"ENOTFOUND"}'),
    ("a password's rule", "password= must not be in the query; the database is away; postgres"),
    ("hidden", '{"DB_PASSWORD":"***"}'),
    ("Tomcat", "Apache Tomcat is not used"),
)
"""What conforming servers may say, though it comes near."""


def seen(text: str) -> str:
    found = leak_in(text)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("family", "text"), [sample[::2] for sample in SAMPLES], ids=[f"{sample[0]}, {sample[1]}" for sample in SAMPLES]
)
def test_a_leak_is_found_as_it_stands_in_json_and_in_html(family: str, text: str) -> None:
    patterns = [pattern for words, pattern in LEAKS if words == family]

    assert any(pattern.search(html.unescape(text).replace("\\\\", "\\")) for pattern in patterns)
    assert seen(text)
    assert seen(json.dumps({"detail": text}))
    assert seen(f"<pre>{html.escape(text)}</pre>")


@pytest.mark.parametrize(("_why", "text"), INNOCENT, ids=[why for why, _text in INNOCENT])
def test_what_only_comes_near_is_no_leak(_why: str, text: str) -> None:
    assert seen(text) == ""
    assert seen(json.dumps({"detail": text})) == ""


@pytest.mark.parametrize(("family", "origin", "text"), SAMPLES, ids=[f"{one[0]}, {one[1]}" for one in SAMPLES])
def test_what_leaks_in_one_text_leaks_in_several_at_once(family: str, origin: str, text: str) -> None:
    del family, origin
    for place in range(len(text) + 1):
        parts = ("Mon, 23 Nov 2026 15:08:49 GMT", text[:place], "12", text[place:], "/invoices/inv_0a1b2c3d4e5f")
        assert seen(together(parts)) or not any(map(seen, parts)), parts


def test_every_family_has_a_sample() -> None:
    assert {words for words, _pattern in LEAKS} == {family for family, _from, _text in SAMPLES}


@pytest.mark.parametrize(("family", "origin", "text"), SAMPLES, ids=[f"{one[0]}, {one[1]}" for one in SAMPLES])
def test_what_was_sent_is_no_leak_in_any_escaping(family: str, origin: str, text: str) -> None:
    del family, origin
    for echo in (text, json.dumps(text), html.escape(text), html.escape(json.dumps(text))):
        assert leak_in(f"the number {echo} is taken", echoes_of([text])) is None


def test_what_was_sent_is_no_leak_when_it_comes_back_cut_off() -> None:
    sent = "INV; SELECT a FROM b; and more of it"

    assert leak_in("no such number: INV; SELECT a FROM b; and m…", echoes_of([sent])) is None


def test_what_stands_beside_what_was_sent_is_a_leak() -> None:
    sent = "x'; DROP TABLE invoices;-- "

    found = leak_in(f"Duplicate entry '{sent}' for key 'uq_number'", echoes_of([sent]))

    assert found is not None
    assert found[0] == SQL


def test_a_debuggers_page_is_read_at_its_end_too() -> None:
    page = f"<style>{'a{b:c}' * 20_000}</style><!--\n\nTraceback (most recent call last):\n-->"

    assert seen(page) == PYTHON


HOSTILE: Final = (
    *(
        "at ",
        "at a.",
        "/usr/",
        "/usr/a.",
        "A.",
        "a.b",
        "x",
        "\\",
        "C:\\a",
        "C:\\\\",
        "SELECT ",
        "Warning ",
        "' in ",
        "&lt;",
    ),
    *(
        "System.",
        "lib/a",
        "org.apache.",
        "** (A.",
        "10.0.0.1:",
        "User Id=",
        "Duplicate entry '",
        "at A.B(",
        "<a ",
        "\\u0020",
    ),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_is_read_in_little_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()

    leak_in(text, echoes_of(["INV-1"]))

    assert time.process_time() - started < 2
