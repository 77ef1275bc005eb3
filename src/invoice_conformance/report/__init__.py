"""Owns the views of a finished run, one module each; `document` makes the one they all show."""
