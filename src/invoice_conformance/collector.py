"""Owns how often Python's garbage collector looks for cycles while a run is under way, and among what."""

from __future__ import annotations

import gc


def look_seldom() -> None:
    """Let the collector look less often: a run makes many objects and no cycles worth the seventh that it takes."""
    gc.set_threshold(50_000, 20, 50)


def look_past() -> None:
    """Let the collector look no more at what there is by now: what is loaded stays to the end of the command."""
    gc.freeze()
