"""A classifier says which version of naba's own features it was trained on, and a later naba says where it differs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from naba import models
from naba.classifier import folder
from naba.models.claims.features import ClaimFeatures
from naba.models.claims.guideline import read
from naba.models.classifier import features_versions
from naba.models.pairs.features import PairFeatures

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = Path(__file__).parents[1] / "data" / "version_0_1" / "home" / "exports"
TEXTS = (
    "ارتفعت الأسعار 5.5% إلى 1,234.5 دولار", "تسعون بالمئة من السكان في 2015", "ثلاثمئة ألف نازح منذ ١٢ مارس",
    "نفى الوزير أحد عشر خبرا", "من المتوقع أن ينخفض النصف غدا", "قال المتحدث إن المستشفى افتتح في 3 مايو 2015",
)  # fmt: skip
TABLE = pd.DataFrame({"text": TEXTS, "target": TEXTS[::-1]}, dtype=object)
DESCRIPTION = {"task": "stance", "labels": {"a": "أ", "b": "ب"}, "input": ["text", "target"]}


def claim_features() -> Any:
    return ClaimFeatures().fit(TABLE).transform(TABLE)


def pair_features() -> Any:
    fitted = PairFeatures(components=2).fit(TABLE)
    table = pd.DataFrame(fitted.transform(TABLE), columns=fitted.get_feature_names_out())
    return table[[name for name in table if "topic" not in name]].to_numpy()


VERSIONS: dict[str, tuple[Callable[[], Any], int, str]] = {
    "PairFeatures": (pair_features, 2, "16dfc385ada35002"),
    "ClaimFeatures": (claim_features, 2, "dd1bac54198bdb09"),
    "GuidelineMatrix": (lambda: [read(text) for text in TEXTS], 2, "bfce0fa40026df97"),
}


@pytest.mark.parametrize("name", VERSIONS)
def test_features_that_change_have_another_version(name: str) -> None:
    """Other numbers for these texts need a higher `features_version`, and its digest here."""
    computed, version, digest = VERSIONS[name]
    found = computed()
    content = np.round(found, 4).tolist() if isinstance(found, np.ndarray) else found
    assert hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16] == digest
    kinds = {"PairFeatures": models.pair_boosting, "ClaimFeatures": models.claim_boosting,
             "GuidelineMatrix": models.claim_guideline}  # fmt: skip
    fitted = kinds[name]().fit(TABLE, np.array(["a", "b"] * 3, dtype=object))
    assert features_versions(fitted)[name] == version


def test_an_old_classifier_says_what_computes_otherwise_now(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.load(OLD / "tfidf_logreg")
    assert not caplog.text
    model, description = folder.load(OLD / "pair_boosting")
    assert "PairFeatures 1 (now 2)" in caplog.text
    assert f"Train it again, and export that: {description['provenance']['command']}; naba export" in caplog.text
    caplog.clear()
    folder.save(model, tmp_path / "written_again", description)
    folder.load(tmp_path / "written_again")
    assert "PairFeatures 1 (now 2)" in caplog.text


def test_a_classifier_of_today_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = models.stacked(iterations=3).fit(TABLE, np.array(["a", "b"] * 3, dtype=object))
    folder.save(model, tmp_path / "new", DESCRIPTION)
    _, description = folder.load(tmp_path / "new")
    assert description["features"] == {"PairFeatures": 2}
    assert not caplog.text
