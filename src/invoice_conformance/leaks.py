"""Owns what a server's inside looks like when it slips into an answer: patterns by what they show.

It must not know readings, requirements or what an answer means.

Every pattern is bounded: none takes more than a small multiple of the text's length, whatever the text holds.
"""

from __future__ import annotations

import functools
import html
import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOKED_AT: Final = 16_000
"""Characters at the beginning of a text in which leaks are looked for."""

LOOKED_AT_END: Final = 4_000
"""Characters at its end: a debugger's page of style sheets keeps the trace for last."""

_ECHO: Final = 4
"""Shorter texts that we sent are no leak, and would tear words apart if they were taken out."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.ASCII)


_PORTS = r"(?:1433|1521|3306|5432|5433|5672|6379|6432|11211|26257|27017)"
"""Ports of databases, caches and brokers: nobody's address but that of something behind the server."""
_PRIVATE = (
    r"(?:localhost|127(?:\.\d{1,3}){3}|10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}"
    r"|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})"
)
_SOURCE = (
    r"(?:pyc?|rb|erb|php|go|java|kt|scala|clj|rs|cs|fs|vb|exs?|erl|pl|pm|lua|jar|class|so|dll|exe|sql|conf|ini|env"
    r"|sock|sqlite3?|db|pem|key|log|[cm]?[jt]sx?:\d{1,7})"
)
"""Endings of what runs or configures a server; pages, pictures and scripts may have a public address."""

LEAKS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    (
        "a Python traceback",
        _any(
            r"Traceback \(most recent call last\)",
            r"File \"[^\"\n]{1,300}\", line \d",
            r"\b(?:django|werkzeug|flask|starlette|fastapi|pydantic|pydantic_core|sqlalchemy|psycopg2?|asyncpg|pymysql"
            r"|MySQLdb|pymongo|sqlite3|marshmallow|rest_framework|aiohttp|tortoise|peewee)"
            r"(?:\.\w{1,60}){1,6}(?:Error|Exception|Violation|DoesNotExist)\b",
            r"The debugger caught an exception in your WSGI application|Werkzeug Debugger|Starlette Debugger",
            r"you have <code>DEBUG = True|Exception Location:\s",
            r"'NoneType' object (?:has no attribute|is not)|unsupported operand type\(s\) for ",
            r"<[\w. ]{1,80} object at 0x[0-9a-fA-F]{6,16}>",
        ),
    ),
    (
        "a Java stack trace",
        _any(
            r"\bat (?:[\w$]{1,80}[./]){1,12}[\w$<>]{1,80}\("
            r"(?:[\w$]{1,80}\.(?:java|kt|scala|groovy|clj):\d|Native Method|Unknown Source)",
            r"Exception in thread \"",
        ),
    ),
    (
        "a Java class",
        _any(
            r"\b(?:java|javax|jakarta|kotlin|scala)\.(?:\w{1,60}\.){0,8}[A-Z]\w{0,80}",
            r"\b(?:org\.(?:springframework|hibernate|postgresql|apache|eclipse|h2|hsqldb|mariadb|jooq|jboss|codehaus"
            r"|glassfish)|com\.(?:fasterxml|mysql|microsoft\.sqlserver|zaxxer|mongodb|sun|google\.gson)"
            r"|io\.(?:micronaut|quarkus|vertx|netty|ktor|r2dbc|undertow|jsonwebtoken))\.(?:\w{1,60}\.){0,10}[A-Z]\w{0,80}",
            r"\b[a-z]\w{0,40}(?:\.[a-z]\w{0,40}){1,8}\.[A-Z]\w{0,80}Exception: ",
            r"through reference chain: ",
            r"Cannot invoke \"[^\"\n]{1,200}\" because ",
            r"could not execute (?:statement|query|batch)\b|could not extract ResultSet",
        ),
    ),
    (
        "a JavaScript stack trace",
        _any(
            r"\bat (?:async )?(?:[\w$.<>\[\] ]{1,80}\()?(?:file://|webpack:[\w./-]{0,80}|node:)?"
            r"[\w@./\\:-]{1,200}(?:\.[cm]?[jt]sx?|\bnode:[\w/]{1,80}|internal/[\w/]{1,80}):\d{1,7}:\d{1,7}",
            r"Cannot read propert(?:y|ies) (?:'[^'\n]{1,80}' )?of (?:undefined|null)\b",
            r"\bnode_modules/[\w@]",
            r"\bPrismaClient\w{1,40}Error\b|Invalid `prisma\.|Unique constraint failed on the (?:fields|constraint): ",
            r"\bSequelize\w{0,40}Error\b|\bQueryFailedError\b|\bMongo(?:ose|Server|Bulk\w{0,20}|Network)?Error\b",
            r"\bCast to \w{1,40} failed for value ",
        ),
    ),
    (
        "a Go stack trace",
        _any(
            r"goroutine \d{1,9} \[",
            r"\.go:\d{1,7} \+0x",
            r"runtime error: (?:invalid memory|index out|slice bounds|integer divide|makeslice)",
            r"\bpanic: (?:runtime error|assignment to|send on|close of|interface conversion)",
        ),
    ),
    (
        "a Go type",
        _any(
            r"json: cannot unmarshal [\w ]{1,40} into Go ",
            r"Key: '[\w.\[\]]{1,120}' Error:Field validation for '",
            r"sql: (?:Scan error|no rows in result set|transaction has already been|database is closed)",
        ),
    ),
    (
        "a PHP error",
        _any(
            r"(?:Fatal error|Warning|Notice|Deprecated|Uncaught \w{1,80})[^\0]{0,200}?"
            r" in [\w./\\:-]{1,200}\.php(?: on line |:)\d",
            r"\b(?:Illuminate|Symfony|Doctrine|Laravel|Laminas|Slim|Yiisoft|CodeIgniter)\\{1,2}[A-Z]\w{0,60}",
            r"\bApp\\{1,2}(?:Http|Models|Exceptions|Controller|Entity|Services)\\{1,2}\w",
            r"\bPDOException\b|\bmysqli_sql_exception\b",
            r"Undefined (?:array key [\"\d]|(?:index|offset): |variable \$|property: [\w\\]{1,120}::\$)",
            r"Call to (?:a member function \w|undefined (?:function|method) \w)",
        ),
    ),
    (
        "a Ruby backtrace",
        _any(
            r"\.rb:\d{1,7}:in [`']",
            r"\b(?:ActiveRecord|ActiveModel|ActionController|ActionDispatch|ActiveSupport|Sequel|Mongoid|Rack)::[A-Z]\w",
            r"\bundefined (?:local variable or )?method [`'][^`'\n]{1,80}' for ",
            r"#<[A-Z][\w:]{0,80}:0x[0-9a-f]{8,16}",
            r"\bRails\.root: ",
        ),
    ),
    (
        "a .NET stack trace",
        _any(
            r"\bat [\w.`<>\[\]+]{1,200}\([^)\n]{0,300}\) in [^\n:]{1,200}(?::\\?[^\n:]{1,200})?:line \d",
            r"\bat (?:[A-Z][\w`]{0,60}\.){1,10}[\w`<>.]{1,80}\([^)\n]{0,300}\)\s{1,8}at [A-Z]",
            r"\bat lambda_method\d*\(",
            r"\bSystem\.(?:\w{1,60}\.){0,8}\w{1,60}Exception\b",
            r"\bMicrosoft\.(?:\w{1,60}\.){1,8}\w{1,60}Exception\b|\b(?:Npgsql|Dapper|MySqlConnector|MongoDB\.Driver)\.\w{1,60}",
            r"An unhandled exception occurred while processing the request|Server Error in '[^'\n]{0,80}' Application",
            r"Object reference not set to an instance of an object",
            r"An error occurred while (?:saving the entity changes|updating the entries)\. See the inner exception",
            # System.Int64 and its like tell no more than that the page's types are not the client's.
            r"JSON value could not be converted to (?!System\.)[A-Z]\w{0,60}\.\w",
        ),
    ),
    (
        "a Rust panic",
        _any(
            r"thread '[^'\n]{1,80}' panicked at",
            r"\bpanicked at [^\n]{0,200}\.rs:\d",
            r"called `(?:Result|Option)::\w{1,20}(?:\(\))?` on an? ",
            r", expected struct [A-Z]\w",
        ),
    ),
    (
        "an Elixir or Erlang error",
        _any(
            r"\*\* \((?:[A-Z]\w{0,60}\.){0,6}[A-Z]\w{0,60}(?:Error|Exception|Clause\w{0,20})?\) ",
            r"[#%]Ecto\.\w|\bEcto\.(?:\w{1,40}\.){0,4}\w{1,60}Error\b|\bPhoenix\.(?:\w{1,40}\.){0,4}\w{1,60}Error\b",
            r"\blib/[\w/.-]{1,120}\.ex:\d{1,7}: ",
            r"\{badmatch,|\{function_clause,",
        ),
    ),
    (
        "SQL",
        _any(
            r"\bSELECT\s{1,8}(?=[^\0]{1,300}?\sFROM\s)"
            r"(?:\*|(?:COUNT|MAX)\(|DISTINCT\s|TOP\s|[\w\"`.\[\]]{1,120}(?:\s{0,8},|\s{1,8}(?:AS|FROM)\s))",
            r"\bselect \* from [\w\"`]|\binsert into [\w\"`.]{1,120} \([\w\"`, ]{1,300}\) values \(",
            r"\bINSERT\s{1,8}INTO\s{1,8}[\w\"`.\[\]]{1,120}\s{0,8}\(",
            r"\bUPDATE\s{1,8}[\w\"`.\[\]]{1,120}\s{1,8}SET\s",
            r"\bDELETE\s{1,8}FROM\s{1,8}[\w\"`.\[\]]{1,120}\s{1,8}WHERE\s",
            r"\bSQLSTATE\b[\[ :]{0,3}\w|\bSQL \[|\bORA-\d{5}\b|\bSQL[12]\d{3}N\b",
            r"\bpq: [a-zA-Z]|\bPG::\w|\bMysql2::Error|\bSQLite3::\w"
            r"|\bSQLITE_(?:CONSTRAINT|ERROR|BUSY|MISUSE|FULL|RANGE)",
            r"\bpsycopg2?\.\w|\bsqlite3\.\w{1,40}Error|\bER_(?:DUP_ENTRY|PARSE_ERROR|BAD_\w{1,40}|DATA_TOO_LONG|NO_\w{1,40})\b",
            r"(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY|PRIMARY KEY) constraint failed: \w",
            r"duplicate key value violates|violates (?:unique|foreign key|not-null|check|exclusion) constraint \"",
            r"null value in column \"[^\"\n]{1,120}\" (?:of relation|violates)",
            r"Duplicate entry '[^\n]{0,300}?' for key '?\w",
            r"You have an error in your SQL syntax|syntax error at or near \"|Incorrect syntax near '",
            r"Unclosed quotation mark after the character string|String or binary data would be truncated",
            r"Violation of (?:UNIQUE|PRIMARY) KEY constraint|Cannot insert duplicate key(?: row)? in object",
            r"(?:relation|column) \"[^\"\n]{1,120}\" (?:of relation \"[^\"\n]{1,120}\" )?does not exist",
            r"Table '[^'\n]{1,120}' doesn't exist|Unknown column '[^'\n]{1,120}' in ",
            r"(?:Data too long|Out of range value) for column '",
            r"value too long for type character|invalid byte sequence for encoding \""
            r"|unsupported Unicode escape sequence|invalid input syntax for (?:type )?\w{1,40}(?: \w{1,40})?: \"",
            r"\bE11000 duplicate key|\bWriteError\(|\bcollection: \w[\w.-]{0,80} index: \w",
            r"Deadlock found when trying to get lock|current transaction is aborted",
        ),
    ),
    (
        "a path of the server",
        _any(
            # What follows a host's name is part of a public address.
            r"(?<![\w.:%@-])/(?:usr|home|var|opt|app|apps|srv|root|workspace|etc|tmp|mnt|data|code|build|builds|go|src"
            r"|Users|private|proc|nix|layers|www|site|deployments|function|rails)/"
            r"(?:[\w.@+-]{1,80}/){0,20}[\w.@+-]{0,80}\." + _SOURCE + r"(?!\w)",
            r"\b[A-Z]:\\{1,2}(?:[\w .()-]{1,80}\\{1,2}){1,20}[\w.-]{1,80}\.\w{1,8}\b",
        ),
    ),
    (
        "an address behind the server",
        _any(
            r"\b(?:connect|read|write|getaddrinfo|query\w{1,8}) E[A-Z_]{4,20}\b|\bECONNREFUSED\b",
            r"\bdial (?:tcp|udp|unix)\b[^\n]{0,120}: |getaddrinfo failed",
            r"Connection to [\w.-]{1,120}:\d{1,5} refused|Connection refused: \w[\w.-]{0,120}[/:]",
            r"could not (?:connect to server|translate host name)|Can't connect to (?:local )?(?:MySQL|MariaDB) server",
            r"connection to server at \"",
            r"(?<![\w./-])" + _PRIVATE + r":" + _PORTS + r"\b",
            r"(?<![\w./-])[a-z][\w-]{0,60}(?:\.[\w-]{1,60}){0,6}\.(?:svc\.cluster\.local|rds\.amazonaws\.com"
            r"|cache\.amazonaws\.com|database\.windows\.net|postgres\.database\.azure\.com|compute\.internal)\b",
        ),
    ),
    (
        "credentials of the server",
        _any(
            r"\b(?:jdbc:[a-z0-9]{2,20}(?::[a-z0-9]{2,20})?|postgres(?:ql)?|mysql2?|mariadb|mongodb(?:\+srv)?|rediss?|amqps?"
            r"|mssql|sqlserver|clickhouse|cockroachdb|ldaps?)(?:\+\w{1,30})?:(?://|@)[\w%\[@/]",
            r"\b(?:Data Source|Initial Catalog|User I[dD]|Database)=[^;\s]{1,120};|\b(?:Password|Pwd)=[^;\s*]",
            r"\b(?:SECRET_KEY|DB_PASSWORD|DATABASE_URL|JWT_SECRET|AWS_SECRET_ACCESS_KEY|APP_KEY|POSTGRES_PASSWORD"
            r"|MYSQL_ROOT_PASSWORD|REDIS_URL)\b[\"']{0,2}\s{0,4}(?:=>|[:=])\s{0,4}[\"']?[^\s*\"']",
            r"\bAKIA[0-9A-Z]{16}\b|-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY-----",
        ),
    ),
    (
        "the version of an application server",
        _any(r"\bApache Tomcat/\d|\bJetty(?:://|\()\s?\d|\bWildFly \d|\bWebLogic Server \d|\bPhusion Passenger \d"),
    ),
)
"""What the common frameworks, runtimes and drivers let slip into an answer, by what it is."""

DEBUG_FIELDS: Final = re.compile(
    r"x-debug-(?:token|token-link|exception|exception-file|trace|sql|query)|x-sourcefiles?|x-exception(?:-\w{1,40})?"
    r"|x-stack-?trace|x-sql(?:-\w{1,40})?|x-clockwork-id|phpdebugbar-(?:id|data)",
    re.IGNORECASE,
)
"""Header fields that only a server in debug mode sends: Symfony's profiler, Visual Studio, Clockwork, PHP Debug Bar."""

_LAYERS: Final = 3
_ESCAPE: Final = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[\"'/\\bfnrt])")
_CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[1] == "u" and len(escape) > 2:  # noqa: PLR2004 - the hexadecimal form
        return chr(int(escape[2:6], base=16))
    return _CONTROLS.get(escape[1], escape[1])


def _plain(text: str) -> str:
    """The text without one layer of JSON's escapes."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _of_html(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _spellings(text: str) -> tuple[str, ...]:
    """The text as a reader of its HTML, and as one of its JSON too, would see it."""
    shown = _of_html(text)
    plain = _of_html(_plain(shown))
    return (shown,) if plain == shown else (shown, plain)


def _bare(text: str) -> str:
    """The text without any layer of escapes, and without what may be left of them."""
    for _ in range(_LAYERS):
        text = _plain(text)
    return text.replace("\\", "")


_SHORT: Final = 200
"""Characters up to which texts are kept with their spellings: nearly all are in every request."""


def _spelled(one: str) -> frozenset[str]:
    """How a text may come back: as it was, or escaped once."""
    plain, ascii_only = json.dumps(one, ensure_ascii=False)[1:-1], json.dumps(one)[1:-1]
    return frozenset((one, plain, ascii_only, *_spellings(one)))


_spelled_short = functools.lru_cache(maxsize=1024)(_spelled)


def echoes_of(sent: Iterable[str]) -> list[str]:
    """How the texts of a request may come back, in any escaping, the longest first."""
    found: set[str] = set()
    for one in sent:
        if len(one) >= _ECHO:
            found |= _spelled_short(one) if len(one) <= _SHORT else _spelled(one)
    return sorted(found, key=len, reverse=True)


_VARIES: Final = re.compile(
    r"(?<=\":)(?:null|\"(?:\0|[A-Z]{3}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?Z)\""
    r"|-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?)(?=[,}])"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?(?=[Z+\"-])"
    r"|(?<=\"id\":\")[\w-]{1,64}(?=\")|(?<=/)[0-9a-z_-]{8,64}(?=\n\0\n)|(?<=\n\0\n)[0-9a-f-]{1,64}(?=\n\0\n)"
    r"|(?<=\n\0\n)[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT(?=\n\0\n)",
    re.ASCII,
)
"""What differs between answers that say the same and is no leak.

Instants, ids, JSON's numbers; null, a currency and what was taken out, each as a member's whole value; of the texts of
`together` those that are a count, an id in hexadecimal or a date, and the id at the end of a path.
"""

APART: Final = "\n\0\n"
"""What stands between texts that are looked through at once."""


def together(texts: Iterable[str]) -> str:
    """Several texts as one, in which nothing leaks only when nothing does in any of them."""
    return f"{APART}{APART.join(texts)}{APART}"


def leak_in(text: str, echoes: Sequence[str] = ()) -> tuple[str, str] | None:
    """What leaks in `text`, and the words that show it; None when nothing does.

    `echoes` are those of what the request held: where they stand in `text` they are no leak.
    """
    if len(text) > LOOKED_AT + LOOKED_AT_END:
        text = f"{text[:LOOKED_AT]}\0{text[-LOOKED_AT_END:]}"
    for spelling in _spellings(text):
        # NUL for what was taken out: nothing around it grows together.
        rest = spelling
        for echo in echoes:
            rest = rest.replace(echo, "\0")
        if not _found(_VARIES.sub("0", rest)):
            continue
        for words, found in _found(rest):
            # An echo that was cut off, or escaped again, is no less ours.
            if not any(_bare(found) in _bare(echo) for echo in echoes):
                return words, " ".join(found.split())
    return None


@functools.lru_cache(maxsize=1024)
def _found(text: str) -> tuple[tuple[str, str], ...]:
    """Every kind of leak in `text` with the words that show it; a server answers with the same few texts."""
    return tuple((words, match[0]) for words, pattern in LEAKS if (match := pattern.search(text)) is not None)
