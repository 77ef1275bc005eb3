"""Owns certificates for tests of TLS, good ones and bad ones, made when they are needed by the `openssl` command.

It must not know who shows or checks them.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATION = """[ca]
default_ca = us
[us]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = keyCertSign
"""
PAST, NOW_ON, FUTURE, END = "20010101000000Z", "20200101000000Z", "20980101000000Z", "20990101000000Z"


def make(folder: Path, told: str = "nothing") -> bool:
    """Make them in `folder`, each with its key in one PEM file; False when there is no `openssl` here.

    `authority.pem` signs `good.pem` and `client.pem`; `self-signed.pem`, `expired.pem` and `not-yet-valid.pem` sign
    themselves, and so does `telling.pem`, which is named `told`. All are for 127.0.0.1.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        return False

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own

    (folder / "ca.cnf").write_text(_CONFIGURATION, encoding="utf-8")
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n", encoding="utf-8")
    by_itself = ("-selfsign",)
    by_authority = ("-cert", "authority.crt")
    for name, signed, first, last in (
        ("authority", by_itself, NOW_ON, END),
        ("good", by_authority, NOW_ON, END),
        ("client", by_authority, NOW_ON, END),
        ("self-signed", by_itself, NOW_ON, END),
        ("expired", by_itself, PAST, NOW_ON),
        ("not-yet-valid", by_itself, FUTURE, END),
        ("telling", by_itself, NOW_ON, END),
    ):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
        subject = f"/CN={told if name == 'telling' else name}"
        names = () if name == "authority" else ("-addext", "subjectAltName=IP:127.0.0.1")
        run(
            "req",
            "-new",
            "-config",
            "ca.cnf",
            *key,
            "-subj",
            subject,
            *names,
            "-out",
            f"{name}.csr",
        )
        signer = f"{name}.key" if signed == by_itself else "authority.key"
        extensions = ("-extensions", "authority") if name == "authority" else ()
        dates = ("-startdate", first, "-enddate", last)
        signing = ("-config", "ca.cnf", "-batch", *signed, "-keyfile", signer, *dates, *extensions)
        run("ca", *signing, "-notext", "-in", f"{name}.csr", "-out", f"{name}.crt")
        both = (folder / f"{name}.key").read_bytes() + (folder / f"{name}.crt").read_bytes()
        (folder / f"{name}.pem").write_bytes(both)
    return True
