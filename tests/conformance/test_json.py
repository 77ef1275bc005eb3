"""The body as JSON text: what its grammar allows is understood, what breaks it is refused."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import NoServerError, Refused
from invoice_conformance.expect_http import Understood
from invoice_conformance.request_recipes import breaks_of_the_grammar, unstorable_bodies
from invoice_conformance.second import invented_refusals
from invoice_conformance.wire_recipes import broken_json, no_objects, open_bodies, spellings


@check("JSON-UNDERSTOOD", expecting=Understood("JSON calls this the same document"))
def test_accepts_every_spelling_of_json() -> Cases:
    """Escapes, white space and the order of members mean nothing."""
    return spellings()


@check("JSON-BROKEN", expecting=Refused(("json",), level="SHOULD"))
def test_refuses_broken_json() -> Cases:
    """A body that breaks JSON's grammar is refused."""
    return broken_json() | invented_refusals("json", level="SHOULD") | breaks_of_the_grammar()


@check("JSON-UNREADABLE", expecting=Refused(("json",)))
def test_refuses_a_body_without_the_required_members() -> Cases:
    """A body in which no reading finds the required members is refused."""
    return broken_json() | invented_refusals("json") | breaks_of_the_grammar()


@check("JSON-OBJECT", expecting=Refused(("object", "required"), several=True))
def test_refuses_what_is_no_object() -> Cases:
    """A body that is JSON but no invoice object is refused."""
    return no_objects() | invented_refusals("object")


@check("JSON-SURVIVED", expecting=NoServerError())
def test_answers_odd_bodies() -> Cases:
    """Duplicate names, byte order marks, other encodings and depth are answered without a server error."""
    return open_bodies() | unstorable_bodies()
