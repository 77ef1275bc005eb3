"""Who may create invoices: the bearer token."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect_http import (
    HasChallenge,
    NoInvoice,
    RefusedForThat,
    RefusedLikeTwin,
    RefusedWith,
    Understood,
)
from invoice_conformance.recipes import nothing, repeats
from invoice_conformance.request_recipes import strangers_at_odd_paths, token_in_other_places, wrong_twice
from invoice_conformance.second import invented_requests
from invoice_conformance.wire_recipes import (
    broken_body_without_credentials,
    missing_credentials,
    more_than_a_token,
    other_schemes,
    scheme_spellings,
    token_elsewhere,
    unauthenticated,
    wrong_credentials,
)

UNAUTHENTICATED = "the credentials are missing or wrong"


@check("AUTH-REQUIRED", expecting=RefusedForThat("Authorization is required"))
def test_refuses_missing_credentials() -> Cases:
    """A create without credentials is refused."""
    return missing_credentials() | token_elsewhere() | invented_requests("credentials") | token_in_other_places()


@check("AUTH-REQUIRED", expecting=RefusedForThat("Authorization is required, whoever sent this before", "stranger"))
def test_refuses_a_repeated_body_without_credentials() -> Cases:
    """A create without credentials is refused, though the same body was sent with some before."""
    return repeats()


@check("AUTH-TOKEN", expecting=RefusedForThat("this is not the token"))
def test_refuses_another_token() -> Cases:
    """A create with any token but a right one is refused."""
    return wrong_credentials() | wrong_twice()


@check("AUTH-SCHEME", expecting=RefusedForThat("credentials have the form Bearer <token>"))
def test_refuses_another_scheme() -> Cases:
    """A create with the token under another scheme than Bearer is refused."""
    return other_schemes()


@check("AUTH-FORM", expecting=RefusedForThat("credentials are a scheme and one token"))
def test_refuses_more_than_a_token() -> Cases:
    """A create with the right token and more behind it is refused."""
    return more_than_a_token()


@check("AUTH-STATUS", expecting=RefusedWith((401,), UNAUTHENTICATED))
def test_refuses_missing_and_wrong_tokens_with_401() -> Cases:
    """Missing and wrong credentials are answered with 401."""
    return unauthenticated()


@check("AUTH-CHALLENGE", expecting=HasChallenge(), watching=True)
def test_returns_a_challenge_with_401() -> Cases:
    """A 401 carries a well-formed WWW-Authenticate."""
    return nothing()


@check("AUTH-FIRST", expecting=RefusedLikeTwin("credentials are judged before the body"))
def test_refuses_credentials_before_the_body() -> Cases:
    """A create without credentials is refused for that, whatever its body."""
    return broken_body_without_credentials()


@check("AUTH-SCHEME-CASE", expecting=Understood("a scheme's letter case and the spaces after it mean nothing"))
def test_accepts_the_scheme_in_any_spelling() -> Cases:
    """The scheme is accepted in any letter case, and with several spaces after it."""
    return scheme_spellings()


@check("AUTH-REQUIRED", expecting=NoInvoice("Authorization is required, however the path is spelled"))
def test_refuses_missing_credentials_at_another_spelling_of_the_path() -> Cases:
    """A create without credentials makes no invoice at the path with a slash behind it or in it, or in capitals."""
    return strangers_at_odd_paths()
