"""Owns signing without a key of one's own: an identity that a build has anyway, through sigstore.

It knows statements as octets. `sigstore` is imported when it is needed, for it comes with an extra; signing asks its
services, verifying only what of them was fetched before.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from invoice_conformance import bundle, certificate
from invoice_conformance.canonical import NotInstalled, canonical
from invoice_conformance.certificate import NoEnvelope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING = "this needs what invoice-conformance[sigstore] brings: pip install 'invoice-conformance[sigstore]'"


class NotSigned(RuntimeError):  # noqa: N818 - it names what happened
    """There is no identity to sign with, or the services refused it: one line that says which."""


class Sealing(Protocol):
    """What signs an in-toto statement: a signer of sigstore."""

    def sign_dsse(self, input_: Any, /) -> Any:  # noqa: ANN401 - its types come with an extra
        """The bundle of sigstore that holds the signed statement."""
        ...


def signed(statement: Mapping[str, Any], sealing: Sealing) -> dict[str, bytes]:
    """The files of a bundle that hold the statement signed: sigstore's, and the envelope in it by itself."""
    try:
        from sigstore import dsse, errors  # noqa: PLC0415 - an extra
    except ImportError:
        raise NotInstalled(MISSING) from None
    try:
        made = sealing.sign_dsse(dsse.Statement(canonical(dict(statement)))).to_json()
    except errors.Error as error:
        raise NotSigned(f"sigstore did not sign: {error}") from None
    envelope = json.loads(made)["dsseEnvelope"]
    return {bundle.KEYLESS: made.encode(), bundle.CERTIFICATE: canonical(envelope)}


def sealing() -> Sealing:
    """A signer for the identity that this build has; NotSigned when it has none."""
    try:
        from sigstore import errors, oidc  # noqa: PLC0415 - an extra
        from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - likewise
        from sigstore.sign import SigningContext  # noqa: PLC0415 - likewise
    except ImportError:
        raise NotInstalled(MISSING) from None
    try:
        token = oidc.detect_credential()
    except errors.Error as error:
        raise NotSigned(f"the identity of this build cannot be had: {error}") from None
    if token is None:
        raise NotSigned(
            "this build has no identity to sign with; --keyless is for CI that gives one (on GitHub: permissions: "
            "id-token: write). Elsewhere sign with --sign KEY"
        )
    identity = oidc.IdentityToken(token)

    class Each:
        """Signs with a certificate fetched for the occasion."""

        def sign_dsse(self, input_: Any, /) -> Any:  # noqa: ANN401 - as in Sealing
            """As in Sealing."""
            context = SigningContext.from_trust_config(ClientTrustConfig.production())
            with context.signer(identity) as signer:
                return signer.sign_dsse(input_)

    return Each()


def signed_by(identity: str, issuer: str) -> Callable[[Mapping[str, bytes]], str]:
    """What says of a bundle's files that this identity signed them; it raises NoEnvelope when it did not."""
    try:
        from sigstore import errors  # noqa: PLC0415 - an extra
        from sigstore.models import Bundle  # noqa: PLC0415 - likewise
        from sigstore.verify import Verifier, policy  # noqa: PLC0415 - likewise
    except ImportError:
        raise NotInstalled(MISSING) from None

    def who(files: Mapping[str, bytes]) -> str:
        data = files.get(bundle.KEYLESS)
        if data is None:
            raise NoEnvelope(f"it was signed with a key: there is no {bundle.KEYLESS}")
        envelope = certificate.opened(files[bundle.CERTIFICATE])
        try:
            verifier = Verifier.production(offline=True)
            wanted = policy.Identity(identity=identity, issuer=issuer)
            kind, payload = verifier.verify_dsse(Bundle.from_json(data), wanted)
        except errors.Error as error:
            raise NoEnvelope(f"{bundle.KEYLESS}: {bundle.shown(str(error))}") from None
        except Exception as error:  # noqa: BLE001 - what a library says of a stranger's file
            raise NoEnvelope(f"{bundle.KEYLESS} is no bundle of sigstore: {type(error).__name__}") from None
        if (kind, payload) != (envelope.kind, envelope.payload):
            raise NoEnvelope(f"{bundle.KEYLESS} holds another statement than {bundle.CERTIFICATE}")
        return identity

    return who
