"""Owns the start of the reference server as a program of its own; it knows nothing but its command line."""

from __future__ import annotations

import sys

from invoice_conformance.reference.serving import main

if __name__ == "__main__":
    sys.exit(main())
