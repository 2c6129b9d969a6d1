"""The classifier directory: the same answers after loading."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba import models
from naba.arabic.profile import NEWS
from naba.classifier import folder
from naba.classifier.answers import predict_table
from naba.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

PLACES = ["مصر", "الأردن", "تونس", "المغرب", "العراق", "لبنان", "قطر", "عمان", "دمشق", "القدس"]
VERBS = {"agree": ["ارتفاع", "صعود"], "disagree": ["انخفاض", "هبوط"], "other": ["استقرار", "ثبات"]}
LABELS = {"agree": "تأييد", "disagree": "معارضة", "other": "أخرى"}
DESCRIPTION = {
    "task": "stance",
    "labels": LABELS,
    "input": ["text", "target"],
    "normalisation": NEWS.to_dict(),
    "metrics": {"test/macro_f1": [0.5, 0.4, float("nan")]},
}


def table(rows: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    drawn = np.random.default_rng(0)
    labels = [list(VERBS)[row % 3] for row in range(rows)]
    texts = [f"{drawn.choice(VERBS[label])} أسعار النفط في {drawn.choice(PLACES)} {row % 7}" for row, label in
             enumerate(labels)]  # fmt: skip
    targets = [f"ارتفاع النفط في {drawn.choice(PLACES)}، وزير يؤكد" for _ in labels]
    return pd.DataFrame({"text": texts, "target": targets}, dtype=object), np.array(labels, dtype=object)


def small_encoder() -> Any:
    return models.from_scratch(
        architecture={"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 200},
        reading={"max_length": 32},
        training={"epochs": 1, "threads": 1},
        normalisation=NEWS,
        pair=True,
    )


def wrapped(config: dict[str, Any], method: str) -> Any:
    return models.calibrated(classifier=config, method=method, seed=0, normalisation=NEWS, pair=True)


NB = {"name": "tfidf_nb", "builder": "tfidf_nb"}
TREES = {
    "name": "pair_boosting",
    "builder": "pair_boosting",
    "iterations": 3,
    "components": 5,
}
ENCODER = {
    "name": "encoder_small", "builder": "from_scratch",
    "architecture": {"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 200},
    "reading": {"max_length": 32}, "training": {"epochs": 1, "threads": 1},
}  # fmt: skip
BUILDERS: dict[str, Any] = {
    "majority": models.majority,
    "stratified_random": lambda: models.stratified_random(seed=3),
    "logreg": lambda: models.tfidf_logreg(normalisation=NEWS, pair=True),
    "logreg_words_single": lambda: models.tfidf_logreg(characters_to=0),
    "svm": lambda: models.tfidf_svm(normalisation=NEWS, pair=True),
    "nb": lambda: models.tfidf_nb(pair=True),
    "complement_nb": lambda: models.tfidf_nb(kind="complement", pair=True),
    "pair_linear": lambda: models.pair_linear(components=5, normalisation=NEWS),
    "pair_boosting": lambda: models.pair_boosting(iterations=5, components=5, normalisation=NEWS),
    "claim_linear": lambda: models.claim_linear(normalisation=NEWS),
    "claim_guideline": lambda: models.claim_guideline(normalisation=NEWS),
    "claim_boosting": lambda: models.claim_boosting(iterations=5, components=5, normalisation=NEWS),
    "stacked": lambda: models.stacked(iterations=3, normalisation=NEWS),
    "temperature_trees": lambda: wrapped(TREES, "temperature"),
    "isotonic": lambda: wrapped(NB, "isotonic"),
    "abstaining": lambda: models.abstaining(classifier=NB, seed=0, normalisation=NEWS, pair=True, risk=0.5),
    "encoder": small_encoder,
    "calibrated_encoder": lambda: wrapped(ENCODER, "temperature"),
}


def fitted(name: str) -> Any:
    X, y = table()
    model = BUILDERS[name]()
    inner = ("temperature_trees", "isotonic", "abstaining", "calibrated_encoder")
    return model.fit(X, y, validation=table(60)) if name in inner else model.fit(X, y)


@pytest.mark.filterwarnings("ignore:no threshold keeps errors")
@pytest.mark.parametrize("name", BUILDERS)
def test_answers_are_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    model = fitted(name)
    written = folder.save(model, tmp_path / "model", DESCRIPTION)
    loaded, description = folder.load(tmp_path / "model")
    X, _ = table(50)
    X.loc[len(X)] = ["نص لم يره النموذج: 5 ملايين؟", ""]
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert loaded.probability_kind_ == model.probability_kind_ == description["probabilities"]
    assert written == folder.size(tmp_path / "model")
    assert type(loaded) is type(model)
    if name == "abstaining":
        assert loaded.abstains(X).tolist() == model.abstains(X).tolist()
        assert description["abstain"]["threshold"] == (None if np.isinf(model.threshold_) else model.threshold_)


def test_two_labels_are_the_same_too(tmp_path: Path) -> None:
    X, y = table()
    y[y == "other"] = "agree"
    for number, model in enumerate((
        models.pair_boosting(iterations=3, components=5), models.pair_linear(components=5),
        models.tfidf_svm(pair=True), models.stacked(iterations=2),
    )):  # fmt: skip
        model.fit(X, y)
        folder.save(model, tmp_path / str(number), DESCRIPTION)
        assert folder.load(tmp_path / str(number))[0].predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_a_loaded_model_can_be_saved_again(tmp_path: Path) -> None:
    model = fitted("pair_boosting")
    folder.save(model, tmp_path / "first", DESCRIPTION)
    loaded, _ = folder.load(tmp_path / "first")
    folder.save(loaded, tmp_path / "second", DESCRIPTION)
    for name in ("classifier.skops", "probe.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_an_encoder_directory_is_a_hugging_face_folder(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = fitted("encoder")
    folder.save(model, tmp_path / "model", DESCRIPTION)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model", local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model", local_files_only=True)
    assert theirs.config.id2label == dict(enumerate(model.classes_))
    X, _ = table(4)
    prepared = [NEWS_TEXT(text) for text in X["text"]], [NEWS_TEXT(text) for text in X["target"]]
    encoded = tokenizer(prepared[1], prepared[0], padding=True, return_tensors="pt")
    with torch.no_grad():
        scores = theirs(**encoded).logits.softmax(-1).numpy()
    assert np.allclose(scores, model.predict_proba(X), atol=1e-5)


def test_whoever_may_read_the_description_may_read_the_weights(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder.save(fitted("encoder"), tmp_path, DESCRIPTION)
    finally:
        os.umask(before)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == dict.fromkeys(
        (path.name for path in tmp_path.iterdir()), 0o644
    )


def NEWS_TEXT(text: str) -> str:  # noqa: N802
    from naba.arabic.normalise import normalise

    return normalise(text, NEWS)


def test_names_of_files_and_labels_are_described(tmp_path: Path) -> None:
    folder.save(fitted("nb"), tmp_path, DESCRIPTION)
    found = json.loads((tmp_path / "naba.json").read_text(encoding="utf-8"))
    assert found["labels"] == LABELS
    assert found["normalisation_hash"] == NEWS.hash
    assert found["metrics"] == {"test/macro_f1": [0.5, 0.4, None]}
    assert set(found["files"]) == {"classifier.skops", "probe.json"}


def test_a_class_that_is_not_listed_is_not_saved(tmp_path: Path) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    X, y = table()
    model = models.tfidf_nb(pair=True).fit(X, y)
    model.classifier_ = KNeighborsClassifier()
    with pytest.raises(UserError, match="KNeighborsClassifier"):
        folder.save(model, tmp_path, DESCRIPTION)


def test_an_answer_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """Finite weights, the fixed texts answered as before: but two large numbers add up to infinity."""
    model = fitted("logreg_words_single")
    rows = pd.DataFrame({"text": ["أسعار النفط", " ".join(PLACES)]}, dtype=object)
    used = model.features_.transform(rows)[1].nonzero()[1]
    weights = model.classifier_.coef_
    weights[:, used] = np.finfo(weights.dtype).max
    folder.save(model, tmp_path, {**DESCRIPTION, "input": ["text"]})
    loaded, description = folder.load(tmp_path)
    assert np.isfinite(predict_table(loaded, description, rows[:1])["probability_agree"]).all()
    said = "no finite probabilities for 1 of 2 rows, first row 1"
    with np.errstate(all="ignore"), pytest.raises(UserError, match=said):
        predict_table(loaded, description, rows)
