"""naba: a benchmark and training harness for Arabic news stance and claim-type classification."""

__version__ = "0.1.0"
