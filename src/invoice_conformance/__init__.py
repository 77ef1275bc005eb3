"""A conformance suite for one operation: POST /api/v1/invoices, "Create invoice"."""

__version__ = "0.1.0"
