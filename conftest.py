"""Owns what pytest needs to know at the root: the suite's own face."""

from __future__ import annotations

pytest_plugins = ["invoice_conformance.plugin"]
