"""TF-IDF models as ONNX graphs from text to probabilities: scikit-learn's answers, whatever the text is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naba import models
from naba.arabic.profile import LIGHT, NEWS, NONE
from naba.classifier import folder as directory
from naba.classifier import onnx_export
from naba.data.dataset import load_named
from naba.errors import UserError
from naba.models import calibration
from naba.models import onnx as onnx_graph

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TOLERANCE = 1e-5
LABELS = {"fall": "انخفاض", "rise": "ارتفاع", "other": "أخرى"}
TRAINING = [
    ("ارتفاع أسعار النفط في مصر بنسبة 3.5 بالمئة", "rise"), ("هبوط أسعار النفط في مصر!", "fall"),
    ("ارتفعت IBM وApple ٣٫٥ ٪؟", "rise"), ("تراجع سهم ibm ﷼ Ünïcödé ÉCOLE", "fall"), ("لا أحد ينفي ذلك", "other"),
    ("ما رأيكم؟ 😀 #أخبار_عاجلة @user http://t.co/x", "other"), ("نفت IBM الخبر", "other"), ("ارتفاع 12 ٪", "rise"),
    ("هبوط 12 ٪ في ك\u200cلمة", "fall"), ("Σίσυφος İstanbul ﬁn ｆｕｌｌ", "other"), ("وقال: \"نعم\"", "other"),
    ("نص مقطوع \ud83d في الوسط", "fall"), ("سطر\nوسطر\tوسطر", "rise"), ("a b c", "other"),
]  # fmt: skip
SPACES = " \n\t\r\x0b\x0c\x1c\x85\xa0\u2003\u3000"
MARKS = "ـ\u064b\u0651\u0670٠١٢۳9,.٫٬:!؟،؛_-#@/"
HIDDEN = "\u200c\u200d\u200f\ufeff\u00ad\ufe0f\u0301\x00\x7f\uffff\ufffd\U0010ffff\ud800\udfff"
LETTERS = "ابتةىيوؤئءأإآلمنكهﷺﻻﺍéİΣßⅫ½²𐒠𞤀𝟘ａ😀"
ALPHABET = st.one_of(*map(st.sampled_from, (SPACES, MARKS, HIDDEN, LETTERS)), st.characters())
WORDS = [word for text, _ in TRAINING for word in text.split(" ")] + ["لم", "12", "3.5"]
TEXT = st.one_of(
    st.lists(ALPHABET, max_size=60).map("".join),
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.lists(st.sampled_from([text for text, _ in TRAINING]), min_size=1, max_size=3).map("؟ ".join),
)


def table(texts: Sequence[str], targets: Sequence[str] | None = None) -> pd.DataFrame:
    targets = [""] * len(texts) if targets is None else targets
    return pd.DataFrame({"text": list(texts), "target": list(targets)}, dtype=object)


def training(rows: int = 140, classes: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    kept = [(text, label) for text, label in TRAINING if classes == 3 or label != "other"]
    chosen = [kept[row % len(kept)] for row in range(rows)]
    targets = [kept[(row * 5 + row // len(kept)) % len(kept)][0] for row in range(rows)]
    return table([text for text, _ in chosen], targets), np.array([label for _, label in chosen], dtype=object)


def exported(model: Any, folder: Path, *, pair: bool) -> Any:
    description = {"task": "stance", "labels": LABELS, "input": ["text", "target"] if pair else ["text"]}
    directory.save(model, folder / "model", description)
    onnx_export.export(folder / "model", folder / "onnx")
    return directory.load(folder / "onnx")[0]


def assert_equal(model: Any, loaded: Any, X: pd.DataFrame) -> None:
    probabilities = model.predict_proba(X)
    assert np.abs(loaded.predict_proba(X) - probabilities).max(initial=0) <= TOLERANCE
    best = np.sort(probabilities, axis=1)
    # Where two labels are equally likely to the last digit, either is right.
    clear = best[:, -1] - best[:, -2] > 2 * TOLERANCE
    assert loaded.predict(X)[clear].tolist() == model.predict(X)[clear].tolist()


BUILDERS = {
    "logreg": lambda pair: models.tfidf_logreg(minimum_count=1, normalisation=NEWS, pair=pair),
    "svm": lambda pair: models.tfidf_svm(minimum_count=1, normalisation=NONE, pair=pair),
    "multinomial": lambda pair: models.tfidf_nb(minimum_count=1, normalisation=None, pair=pair),
    "complement": lambda pair: models.tfidf_nb(minimum_count=1, kind="complement", normalisation=LIGHT, pair=pair),
}


# Single texts go through one half of what pairs go through.
PARAMETERS = [
    pytest.param((name, pair), marks=() if pair or name == "logreg" else pytest.mark.slow)
    for name in BUILDERS
    for pair in (False, True)
]


@pytest.fixture(scope="module", params=PARAMETERS, ids=str)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    name, pair = request.param
    model = BUILDERS[name](pair).fit(*training())
    return model, exported(model, tmp_path_factory.mktemp("onnx"), pair=pair)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_any_text_gets_the_models_answer(both: tuple[Any, Any], rows: list[tuple[str, str]]) -> None:
    X = table([text for text, _ in rows], [target for _, target in rows])
    assert_equal(*both, X)


def test_empty_and_very_long_texts(both: tuple[Any, Any]) -> None:
    long = " ".join(text for text, _ in TRAINING)
    X = table(["", " ", long * 20, "\n", "ا" * 30_000, "؟"], ["", "", "x", long * 20, "", "ارتفاع"])
    assert_equal(*both, X)
    assert both[1].predict_proba(X.iloc[:0]).shape == (0, 3)
    assert both[1].predict(X.iloc[:0]).shape == (0,)


def test_answers_do_not_depend_on_the_neighbours(both: tuple[Any, Any]) -> None:
    X, _ = training(40)
    together = both[1].predict_proba(X)
    alone = np.vstack([both[1].predict_proba(X.iloc[[row]]) for row in range(len(X))])
    assert np.abs(together - alone).max() < 1e-6


@pytest.mark.parametrize(
    "changes", [{"words": 0}, {"characters_to": 0}, {"words": 3, "characters_to": 6}, {"words": 1}]
)
@pytest.mark.parametrize("pair", [False, True])
def test_all_lengths_of_n_grams(changes: dict[str, int], pair: bool, tmp_path: Path) -> None:
    model = models.tfidf_logreg(minimum_count=1, normalisation=NEWS, pair=pair, **changes).fit(*training(classes=2))
    assert_equal(model, exported(model, tmp_path, pair=pair), training(30)[0])


@pytest.mark.parametrize("builder", [models.tfidf_logreg, models.tfidf_svm, models.tfidf_nb])
def test_two_labels(builder: Any, tmp_path: Path) -> None:
    model = builder(minimum_count=1).fit(*training(classes=2))
    assert_equal(model, exported(model, tmp_path, pair=False), training(30)[0])


@pytest.mark.filterwarnings("ignore:no threshold keeps errors")
@pytest.mark.parametrize("kind", ["temperature", "abstaining"])
@pytest.mark.parametrize("pair", [False, True])
def test_calibration_and_abstention_go_with_it(kind: str, pair: bool, tmp_path: Path) -> None:
    config = {"name": "m", "builder": "tfidf_logreg", "minimum_count": 1}
    shared: dict[str, Any] = {"classifier": config, "seed": 0, "normalisation": NEWS, "pair": pair}
    if kind == "abstaining":
        model = models.abstaining(risk=0.5, **shared)
    else:
        model = models.calibrated(method="temperature", **shared)
    X, y = training()
    # Half of the labels are turned round: there is something to be calibrated.
    model.fit(X, y, validation=(X, np.where(np.arange(len(y)) % 2, y, np.roll(y, 1))))
    loaded = exported(model, tmp_path, pair=pair)
    others = table([f"{text} {row}" for row, text in enumerate(X["text"][:60])], X["target"][20:80])
    assert_equal(model, loaded, others)
    assert loaded.predict(others).tolist() == model.predict(others).tolist()
    assert loaded.probability_kind_ == model.probability_kind_
    assert (loaded.threshold is not None) == (kind == "abstaining")
    if kind == "abstaining":
        assert loaded.abstains(others).tolist() == model.abstains(others).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_isotonic_steps_are_the_same_for_the_same_probabilities(seed: int) -> None:
    """Steps can make a large difference of a last digit, so that whole models are compared only by `naba export`."""
    import onnxruntime
    from onnx import TensorProto, helper

    chance = np.random.default_rng(seed)
    model = calibration.Calibrated(models.majority(), "isotonic")
    model.classes_ = np.array(list(LABELS), dtype=object)
    drawn = chance.dirichlet([0.5, 0.5, 0.5], 200).round(3)
    # One step that is flat, and rows whose three probabilities are all 0 after correction.
    right = [np.zeros(200, bool), drawn[:, 1] > chance.random(200), drawn[:, 2] > 0.9]
    model.steps_ = [calibration._rising(drawn[:, place], right[place]) for place in range(3)]
    given = np.vstack([drawn, chance.dirichlet([1, 1, 1], 300), np.eye(3), [[0.999, 0.0005, 0.0005]]])
    model.classifier_ = type("Given", (), {"predict_proba": lambda self, X: given})()
    expected = model.predict_proba(None)
    assert (expected == given).all(axis=1).any()
    graph = onnx_graph.Graph()
    steps = [{"x": step.X_thresholds_.tolist(), "y": step.y_thresholds_.tolist()} for step in model.steps_]
    graph.add("Identity", onnx_graph.corrected(graph, "given", {"steps": steps}), output="made")
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", 3]) for name in ("given", "made")]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "g", values[:1], values[1:], graph.initializers),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in onnx_graph.OPSETS.items()],
        ir_version=onnx_graph.IR_VERSION,
    )
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    assert np.abs(session.run(None, {"given": given})[0] - expected).max() < 1e-12


def test_the_commonest_label(tmp_path: Path) -> None:
    model = models.majority().fit(*training(5))
    loaded = exported(model, tmp_path, pair=True)
    X, _ = training(9)
    assert loaded.predict_proba(X).tolist() == model.predict_proba(X).tolist()
    assert loaded.predict(X).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (models.stratified_random(seed=0), "numpy's random generator"),
        (models.pair_linear(components=2), "pair features"),
        (models.pair_boosting(components=2, iterations=2), "its trees have one"),
        (models.blended(iterations=2, bags=1, networks=0), "pair features"),
        (models.claim_linear(), "claim cues"),
        (models.claim_guideline(), "claim cues and tags"),
        (models.claim_boosting(iterations=2), "claim cues.*its trees have one"),
        (models.tfidf_logreg(characters_to=1, words=0), "of an unusual kind"),
    ],
)
def test_what_cannot_be_exact_is_refused_by_name(model: Any, said: str, tmp_path: Path) -> None:
    X, y = training(60)
    model.fit(X[["text", "target"]].map(lambda text: text.encode(errors="ignore").decode()), y)
    with pytest.raises(UserError, match=said) as refused:
        exported(model, tmp_path, pair=True)
    assert "--format directory is exact" in str(refused.value)
    assert "mlflow" in str(refused.value)


def test_int8_is_for_encoders(tmp_path: Path) -> None:
    model = models.tfidf_nb(minimum_count=1).fit(*training(20))
    directory.save(model, tmp_path / "model", {"task": "x", "labels": LABELS, "input": ["text"]})
    with pytest.raises(UserError, match="--int8 goes with encoders"):
        onnx_export.export(tmp_path / "model", tmp_path / "onnx", int8="int8")
    assert not (tmp_path / "onnx").exists()


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("model", "name", "other"),
    [
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (
            ("tfidf_logreg", "ans_stance", "article_stance"),
            ("tfidf_nb", "ans_stance", "article_stance"),
            ("tfidf_svm", "ans_stance", "article_stance"),
            ("tfidf_logreg", "ans_claim_type", "article_claim_type"),
            ("tfidf_nb", "ans_claim_type", "article_claim_type"),
        )),
        ("tfidf_svm", "ans_claim_type", "article_claim_type"),
    ],
)  # fmt: skip
def test_every_test_row_of_real_data(
    model: str, name: str, other: str, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NABA_MIRROR", str(mirror))
    dataset = load_named(name)
    rows = dataset.indices("train")
    pair = dataset.pair
    fitted = getattr(models, model)(pair=pair, normalisation=NEWS).fit(dataset.frame(rows), dataset.gold(rows))
    folder = tmp_path / "m"
    labels = dict(dataset.display_names)
    directory.save(fitted, folder, {"task": "x", "labels": labels, "input": ["text", "target"] if pair else ["text"]})
    onnx_export.export(folder, tmp_path / "onnx")
    loaded, _ = directory.load(tmp_path / "onnx")
    article = load_named(other)
    for X in (dataset.frame(dataset.indices("test")), article.frame(np.arange(len(article.table)))):
        assert len(X) > 10
        assert np.abs(loaded.predict_proba(X) - fitted.predict_proba(X)).max() <= TOLERANCE
        assert loaded.predict(X).tolist() == fitted.predict(X).tolist()
