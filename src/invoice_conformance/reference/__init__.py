"""A correct server for the published operation, and named ways to make it wrong.

It is the other side of the suite: it shares no code with the engine, so that a misreading of the page
in one of them cannot hide in both.
"""
