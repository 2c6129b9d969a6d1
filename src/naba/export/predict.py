"""For MLflow models that version 0.1 logged: their Python file asks for `predict_table` here."""

from naba.classifier.answers import predict_table

__all__ = ["predict_table"]
