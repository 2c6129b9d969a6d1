"""Model families, and the names under which a YAML chooses them."""

from __future__ import annotations

BUILDERS = {
    "majority": "naba.models.baselines:majority",
    "stratified_random": "naba.models.baselines:stratified_random",
    "tfidf_logreg": "naba.models.tfidf.classifier:tfidf_logreg",
    "tfidf_svm": "naba.models.tfidf.classifier:tfidf_svm",
    "tfidf_nb": "naba.models.tfidf.classifier:tfidf_nb",
    "pair_boosting": "naba.models.pairs.boosting:pair_boosting",
    "pair_linear": "naba.models.pairs.boosting:pair_linear",
    "stacked": "naba.models.pairs.stacking:stacked",
    "blended": "naba.models.pairs.blending:blended",
    "claim_linear": "naba.models.claims.features:claim_linear",
    "claim_boosting": "naba.models.claims.features:claim_boosting",
    "claim_guideline": "naba.models.claims.guideline:claim_guideline",
    "pretrained": "naba.models.encoder.classifier:pretrained",
    "from_scratch": "naba.models.encoder.classifier:from_scratch",
    "calibrated": "naba.models.calibration:calibrated",
    "abstaining": "naba.models.calibration:abstaining",
}
"""The `builder` of a model's YAML -> where its code is, imported on use. Names are for ever; places may change."""
