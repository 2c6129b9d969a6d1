"""What decided."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier

from naba.errors import UserError
from naba.models import blended, from_scratch, pair_boosting, stacked, tfidf_logreg, tfidf_nb, tfidf_svm
from naba.models.calibration import Calibrated
from naba.models.explain import _part, explain, explain_classes
from naba.models.tfidf.classifier import SparseClassifier
from naba.models.tfidf.features import TextFeatures

VERBS = ("ارتفاع", "صعود", "زيادة", "انخفاض", "هبوط", "تراجع")


class _Dense(TextFeatures):
    """Features as boosted trees want them."""

    def fit_transform(self, X, y=None):
        return super().fit_transform(X, y).toarray()

    def transform(self, X):
        return super().transform(X).toarray()


@pytest.mark.parametrize("builder", [tfidf_logreg, tfidf_svm, tfidf_nb])
def test_the_verb_decides_in_linear_models(builder, headlines):
    X, y = headlines
    model = builder(characters_to=0, words=1).fit(X, y)
    found = explain(model, X[::20], top=3)
    for text, explanation in zip(X["text"][::20], found, strict=True):
        name, value = explanation.contributions[0]
        assert name == f"text:word:{text.split()[0]}"
        assert value > 0
    assert [explanation.label for explanation in found] == model.predict(X[::20]).tolist()
    classes = explain_classes(model, X, top=3)
    assert {name.rsplit(":", 1)[1] for name, _ in classes["rise"].contributions} == set(VERBS[:3])
    predicted = model.predict(X)
    model.predict = model.predict_proba = None
    assert explain_classes(model, X, top=3, predicted=predicted) == classes


@pytest.mark.parametrize("labels", [2, 3])
def test_contributions_of_linear_models_add_up_to_the_score(headlines, labels):
    X, y = headlines
    y = y.copy()
    if labels == 3:
        y[::4] = "other"
    model = tfidf_logreg().fit(X, y)
    scores = model.classifier_.decision_function(model.features_.transform(X))
    scores = scores - model.classifier_.intercept_
    scores = np.column_stack([-scores / 2, scores / 2]) if labels == 2 else scores - scores.mean(axis=1, keepdims=True)
    for code in range(labels):
        _, matrix = model.contributions(X, np.full(len(X), code))
        assert np.allclose(np.asarray(matrix.sum(axis=1)).ravel(), scores[:, code], atol=1e-4)


@pytest.mark.parametrize("labels", [2, 3])
def test_contributions_of_trees_add_up_to_the_score(headlines, labels):
    X, y = headlines
    y = y.copy()
    if labels == 3:
        y[::4] = "other"
    trees = HistGradientBoostingClassifier(max_iter=10, early_stopping=False, min_samples_leaf=5)
    model = SparseClassifier(_Dense(characters_to=0, words=1), trees).fit(X, y)
    raw = model.classifier_.decision_function(model.features_.transform(X)).reshape(len(X), -1)
    for code in range(labels):
        _, matrix = model.contributions(X, np.full(len(X), code))
        sums = np.asarray(matrix.sum(axis=1)).ravel()
        expected = raw[:, 0] * (code - 0.5) if labels == 2 else raw[:, code] - raw.mean(axis=1)
        assert np.allclose(sums - sums[0], expected - expected[0], atol=1e-6)
    assert explain(model, X[:1])[0].contributions[0][0].startswith("text:word:")


@pytest.fixture(scope="module")
def pairs():
    """(X, y): 200 pairs of three labels out of the embedded corpus."""
    from naba.data.dataset import load_named

    dataset = load_named("synthetic_stance")
    indices = dataset.indices("train")[::6]
    indices = indices[dataset.gold(indices) != "discuss"][:200]
    return dataset.frame(indices), dataset.gold(indices)


@pytest.mark.parametrize("labels", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_contributions_of_a_stack_add_up_to_its_score(labels, pairs):
    X, y = pairs
    y = np.where(y == "disagree", y, "agree") if labels == 2 else y
    model = stacked(iterations=8, seed=1).fit(X, y.astype(object))
    assert model.explained_by == "features"
    final = model.classifier_.final_estimator_
    raw = final.decision_function(model.classifier_.transform(model.features_.transform(X))).reshape(len(X), -1)
    raw = np.column_stack([-raw[:, 0] / 2, raw[:, 0] / 2]) if labels == 2 else raw
    expected = raw - raw.mean(axis=1, keepdims=True)
    for code in range(labels):
        _, matrix = model.contributions(X, np.full(len(X), code))
        apart = expected[:, code] - np.asarray(matrix.sum(axis=1)).ravel()
        assert np.ptp(apart) < 0.005 * np.ptp(expected[:, code])
    found = explain(model, X[:3], top=400)
    names = {name for explanation in found for name, _ in explanation.contributions}
    assert {name for name in names if "=" in name or name.startswith(("text-", "target-"))}, "words of the linear part"
    assert names & set(model.features_.features_.names_), "pair features of all parts"


@pytest.mark.slow
def test_each_part_of_a_stack_is_followed_exactly(pairs):
    """Each part's contributions are the change of the last estimator's score that this part alone brings about."""
    X, y = pairs
    model = stacked(iterations=8, seed=1).fit(X, y)
    features = model.features_.transform(X)
    for part in model.classifier_.estimators_:
        wanted = np.tile([0.5, -1.0, 2.0], (len(y), 1))
        found = np.asarray(_part(part, features, wanted).sum(axis=1)).ravel()
        score = (part.predict_proba(features) * wanted).sum(axis=1)
        neural = type(getattr(part, "steps", [[0, part]])[-1][1]).__name__ == "Network"
        assert np.ptp(score - found) < (0.005 if neural else 1e-9) * np.ptp(score)


@pytest.mark.parametrize("labels", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_contributions_of_a_mean_add_up_to_its_probability(labels, pairs):
    X, y = pairs
    y = np.where(y == "disagree", y, "agree") if labels == 2 else y
    model = blended(iterations=5, bags=2).fit(X, y.astype(object))
    probabilities = model.predict_proba(X)
    for code in range(labels):
        _, matrix = model.contributions(X, np.full(len(X), code))
        apart = probabilities[:, code] - np.asarray(matrix.sum(axis=1)).ravel()
        assert np.ptp(apart) < 0.005 < np.ptp(probabilities[:, code])


@pytest.mark.parametrize("labels", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_contributions_of_lightgbm_add_up_to_its_score(labels, pairs):
    pytest.importorskip("lightgbm", reason="the extra boosting is not installed")
    X, y = pairs
    y = np.where(y == "disagree", y, "agree") if labels == 2 else y
    model = pair_boosting(library="lightgbm", iterations=8, components=5).fit(X, y.astype(object))
    raw = model.classifier_.booster_.predict(model.features_.transform(X), raw_score=True).reshape(len(X), -1)
    for code in range(labels):
        _, matrix = model.contributions(X, np.full(len(X), code))
        sums = np.asarray(matrix.sum(axis=1)).ravel()
        expected = raw[:, 0] * (code - 0.5) if labels == 2 else raw[:, code] - raw.mean(axis=1)
        assert np.allclose(sums - sums[0], expected - expected[0], atol=1e-6)
    assert explain_classes(model, X, top=3)


def test_words_that_decide_in_an_encoder(headlines):
    X, y = headlines
    model = from_scratch(
        architecture={"layers": 1, "hidden": 32, "heads": 2, "vocabulary": 300, "dropout": 0.0},
        reading={"max_length": 24},
        training={"epochs": 5, "learning_rate": 5e-3, "batch_size": 16, "threads": 1, "precision": "float32"},
    ).fit(X, y)
    found = explain(model, X[::30], top=20)
    first = [explanation.contributions[0][0] for explanation in found]
    assert sum(word in text for word, text in zip(first, X["text"][::30], strict=True)) == len(found)
    assert sum(word in VERBS for word in first) >= len(found) - 1
    blank = model.decision_scores(X[:1].assign(text=""))
    assert np.isfinite(blank).all()


def test_integrated_gradients_are_complete(headlines):
    import torch

    from naba.models.encoder.classifier import word_attributions

    X, y = headlines
    model = from_scratch(
        architecture={"layers": 1, "hidden": 16, "heads": 2, "vocabulary": 300, "dropout": 0.0},
        reading={"max_length": 24},
        training={"epochs": 1, "learning_rate": 1e-3, "threads": 1, "precision": "float32"},
        pair=True,
    ).fit(X.assign(target=X["text"].tolist()[::-1]), y)
    row = X[:1].assign(target="هبوط البورصة")
    words = word_attributions(model, row, np.array([1]))[0]
    assert [word for word, _ in words][:2] == ["target:هبوط", "target:البورصة"]
    assert words[2][0].startswith("text:")
    batch = model.tokens(row).batch(np.array([0]), 0)
    inner = ~np.isin(batch.ids, model.tokenizer_.all_special_ids)
    with torch.no_grad():
        scores = [
            model.model_(
                input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(batch.mask),
                token_type_ids=torch.from_numpy(batch.types),
            ).logits[0, 1].item()
            for ids in (batch.ids, np.where(inner, model.tokenizer_.pad_token_id, batch.ids))
        ]  # fmt: skip
    assert sum(value for _, value in words) == pytest.approx(scores[0] - scores[1], abs=1e-4)


@pytest.mark.parametrize(
    "reading", [{"max_length": 24}, {"max_length": 12, "windows": 3, "stride": 2, "pooling": "max"}]
)
def test_captum_finds_the_same(reading, headlines):
    """The numbers of integrated gradients are those of captum's `LayerIntegratedGradients`."""
    pytest.importorskip("captum", reason="captum is not installed")
    from naba.models.encoder import classifier

    X, y = headlines
    model = from_scratch(
        architecture={"layers": 2, "hidden": 32, "heads": 2, "vocabulary": 300},
        reading=reading,
        training={"epochs": 1, "learning_rate": 5e-3, "threads": 1, "precision": "float32"},
        pair=True,
    ).fit(X.assign(target=X["text"].tolist()[::-1]), y)
    rows = X[::40].assign(target="هبوط البورصة في مصر")
    tokens, network = model.tokens(rows), model.model_.float().eval()
    for row in range(len(rows)):
        batch = tokens.batch(np.array([row]), model.tokenizer_.pad_token_id or 0)
        ours = classifier._integrate(model, network, batch, 1, classifier.STEPS)
        theirs = _captum(model, network, classifier._inputs(model, network, batch), 1, classifier.STEPS)
        assert ours == pytest.approx(theirs, abs=1e-5)
        assert np.count_nonzero(ours) > 4


def _captum(model, network, inputs, code, steps):
    from captum.attr import LayerIntegratedGradients

    ids, blank, rest = inputs
    windows, names = len(ids), list(rest)

    def score(tokens, *others):
        found = network(input_ids=tokens, **dict(zip(names, others, strict=True))).logits
        lines = found.reshape(-1, windows, found.shape[1])
        return lines.amax(dim=1) if model.reading.pooling == "max" else lines.mean(dim=1)

    gradients = LayerIntegratedGradients(score, network.get_input_embeddings())
    found = gradients.attribute(
        ids, blank, target=code, additional_forward_args=tuple(rest.values()), n_steps=steps, method="gausslegendre"
    )
    return found.sum(dim=-1).detach().cpu().numpy()


def test_wrappers_are_explained_by_what_they_hold(headlines):
    X, y = headlines
    model = Calibrated(tfidf_logreg()).fit(X, y, validation=(X, y))
    assert model.explained_by == "features"
    assert explain(model, X[:2]) == explain(model.classifier_, X[:2])


def test_what_cannot_be_explained_is_said(headlines):
    X, y = headlines
    model = SparseClassifier(TextFeatures(), DummyClassifier()).fit(X, y)
    assert model.explained_by is None
    with pytest.raises(UserError, match="no explanations for a DummyClassifier"):
        explain(model, X[:1])
    with pytest.raises(UserError, match="does not know label 'up'"):
        explain(tfidf_logreg().fit(X, y), X[:1], labels=["up"])
