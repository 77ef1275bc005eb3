"""Owns the file that a certificate travels in: a zip that is always written alike, and read as what a stranger sent.

It knows names and sizes of its files, and not what they say.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPORT: Final = "report.json"
EVIDENCE: Final = "evidence.ndjson"
REQUIREMENTS: Final = "requirements.json"
PLAN: Final = "plan.json"
PRODUCT: Final = "product.json"
ATTEMPTS: Final = "attempts.jsonl"
CERTIFICATE: Final = "certificate.dsse.json"
KEYLESS: Final = "certificate.sigstore.json"
VIEW: Final = "report.html"

MEBI = 1024 * 1024
SIZES: Final[Mapping[str, int]] = {
    REPORT: 16 * MEBI,
    EVIDENCE: 128 * MEBI,
    REQUIREMENTS: 4 * MEBI,
    PLAN: 8 * MEBI,
    PRODUCT: 64 * 1024,
    ATTEMPTS: 8 * MEBI,
    CERTIFICATE: 4 * MEBI,
    KEYLESS: 4 * MEBI,
    VIEW: 32 * MEBI,
}
"""The files of a bundle, and the octets that each may have."""
REQUIRED: Final = frozenset({REPORT, EVIDENCE, REQUIREMENTS, PLAN, PRODUCT, ATTEMPTS, CERTIFICATE, VIEW})
LARGEST: Final = 64 * MEBI
"""Octets of the zip itself."""
CHUNK: Final = 64 * 1024
LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
_LOCAL_HEADER: Final = 30
_END: Final = 22
SHOWN: Final = 60


class NoBundle(ValueError):  # noqa: N818 - it names what the file is
    """A file that is no bundle of a certificate: one line that says why."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """The zip of these files: the same octets for the same files, whenever and wherever it is made."""
    for name, data in files.items():
        if len(data) > SIZES[name]:
            raise NoBundle(f"{name} has {len(data)} octets, and {SIZES[name]} is the most that a bundle holds")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # so that it is the same from every system
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, files[name], compresslevel=9)
    return packed.getvalue()


def read(path: Path) -> dict[str, bytes]:
    """The files of a bundle by name, nothing else in it and none too large; NoBundle says what is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise NoBundle(f"it cannot be read: {error.strerror}") from None
    return unpack(data)


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a zip; as `read`."""
    if len(data) > LARGEST:
        raise NoBundle(f"it is larger than {LARGEST} octets")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _look_at(entries, archive.comment)
            _nothing_between(data, entries, archive.start_dir)
            return {entry.filename: _inflated(archive, entry) for entry in entries}
    except NoBundle:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise NoBundle(f"it is no zip that can be read: {shown(str(error))}") from None
    except (IndexError, KeyError, OverflowError, MemoryError) as error:
        raise NoBundle(f"it is no zip that can be read: {type(error).__name__}") from None


def _look_at(entries: list[zipfile.ZipInfo], comment: bytes) -> None:
    """Refuse a table of contents that is not one of ours, before anything is unpacked."""
    names = [entry.orig_filename for entry in entries]
    for entry in entries:
        name = entry.orig_filename
        if name not in SIZES or name != entry.filename:
            raise NoBundle(f"it holds {shown(name)}, which is no file of a certificate")
        if names.count(name) > 1:
            raise NoBundle(f"it holds {name} twice")
        # Who packs without a kind of file means an ordinary one.
        if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise NoBundle(f"{name} is no ordinary file in it")
        if entry.flag_bits & 0x1:
            raise NoBundle(f"{name} is encrypted")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise NoBundle(f"{name} is packed in a way that is not read here")
        if entry.file_size > SIZES[name]:
            raise NoBundle(f"{name} would have {entry.file_size} octets, and {SIZES[name]} is the most")
    missing = REQUIRED.difference(names)
    if missing:
        raise NoBundle(f"{min(missing)} is missing")
    if comment:
        raise NoBundle("it has a comment, which nobody signed")


def _nothing_between(data: bytes, entries: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse octets before, between and behind the files: nobody signed them either."""
    place = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset != place or entry.flag_bits & 0x8:
            raise NoBundle("it holds octets that belong to no file")
        header = data[place : place + _LOCAL_HEADER]
        named = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        place += _LOCAL_HEADER + named + entry.compress_size
    listed = sum(46 + len(entry.orig_filename) + len(entry.extra) + len(entry.comment) for entry in entries)
    if place != directory or directory + listed + _END != len(data) or any(entry.comment for entry in entries):
        raise NoBundle("it holds octets that belong to no file")


def _inflated(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """A file's octets, however many its header promises, no more than it may have."""
    pieces: list[bytes] = []
    size = 0
    with archive.open(entry) as file:
        while piece := file.read(CHUNK):
            size += len(piece)
            if size > min(entry.file_size, SIZES[entry.filename]):
                raise NoBundle(f"{entry.filename} unpacks to more octets than it says")
            pieces.append(piece)
    if size != entry.file_size:
        raise NoBundle(f"{entry.filename} is cut off")
    return b"".join(pieces)


def shown(text: str) -> str:
    """A stranger's text on one line, cut, and as ASCII."""
    return ascii(text[:SHOWN])[1:-1]
