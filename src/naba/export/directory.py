"""For MLflow models that version 0.1 logged: their Python file asks for the loader here."""

from naba.classifier.folder import load

__all__ = ["load"]
