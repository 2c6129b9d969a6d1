"""What other programs read: JSON by its schema, JSON-LD without a rating, CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from naba.analysis import records
from naba.analysis.analyse import analyse
from naba.analysis.article import SCHEMA, Article
from naba.analysis.models import Models

jsonschema = pytest.importorskip("jsonschema")


def validate(content: Any) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(content)


def test_json_is_what_the_schema_says(analysed: Article) -> None:
    content = json.loads(analysed.to_json())
    validate(content)
    assert content["text"] == analysed.text
    assert len(content["sentences"]) == 19
    assert len(content["claims"]) == 10
    assert {one["task"] for one in content["models"]} == {"claim_type", "stance"}
    validate(analyse("نص بلا نماذج.", models=Models()).to_dict())
    with pytest.raises(jsonschema.ValidationError):
        validate(content | {"verdict": True})


def graph(content: Any) -> list[dict[str, Any]]:
    """The records as another program reads them: expanded, without a network."""
    pyld = pytest.importorskip("pyld.jsonld")

    def loader(url: str, _: Any) -> dict[str, Any]:
        assert url == "https://schema.org"
        vocabulary = {"@context": {"@vocab": "https://schema.org/"}}
        return {"contextUrl": None, "documentUrl": url, "document": vocabulary, "contentType": "application/ld+json"}

    expanded: list[dict[str, Any]] = pyld.expand(content, {"documentLoader": loader})
    return expanded


def test_jsonld_claims_have_speakers_places_and_no_rating(analysed: Article) -> None:
    content = analysed.to_jsonld()
    assert "rating" not in json.dumps(content).lower()
    claims = graph(json.loads(records.dumps(content)))
    assert len(claims) == len(content["@graph"]) > 19
    for claim, given in zip(claims, content["@graph"], strict=True):
        assert claim["@type"] == ["https://schema.org/Claim"]
        (where,) = claim["https://schema.org/appearance"]
        assert where["@type"] == ["https://schema.org/CreativeWork"]
        assert where["https://schema.org/url"][0]["@value"] == "https://example.org/a"
        (selector,) = where["http://www.w3.org/ns/oa#hasSelector"]
        start, end = (selector[f"http://www.w3.org/ns/oa#{name}"][0]["@value"] for name in ("start", "end"))
        assert analysed.text[start:end] == given["text"]
    authors = {
        claim["author"]["name"]: claim["author"].get("@type") for claim in content["@graph"] if "author" in claim
    }
    assert authors["الرئيس الأوكراني فولوديمير زيلينسكي"] == "Person"
    assert authors["زيلينسكي"] is None


def test_an_opinion_is_no_claim_unless_the_model_doubts_it(analysed: Article) -> None:
    first = analysed.sentences[2]
    kept = {"identifier": f"{analysed.sha256[:12]}-{first.id}-"}
    for withheld, there in ((False, False), (True, True)):
        answer = replace(first.claim_type, label="opinion", withheld=withheld)
        changed = replace(analysed, sentences=(replace(first, claim_type=answer), *analysed.sentences[3:]))
        found = [one for one in changed.to_jsonld()["@graph"] if one["identifier"].startswith(kept["identifier"])]
        assert bool(found) is there


def test_drafts_leave_the_rating_to_the_desk(analysed: Article) -> None:
    drafts = records.claim_review_drafts(analysed)
    assert len(graph(drafts)) == len(analysed.to_jsonld()["@graph"])
    for draft in drafts["@graph"]:
        assert draft["@type"] == "ClaimReview"
        assert draft["claimReviewed"] == draft["itemReviewed"]["text"]
        assert set(draft["reviewRating"].values()) == {"Rating", ""}
        assert draft["author"]["name"] == draft["datePublished"] == draft["url"] == ""


def rows(columns: Any, found: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(records.as_csv(columns, found))))


def test_csv_lists_what_to_check_first(analysed: Article) -> None:
    found = rows(records.CLAIM_COLUMNS, records.claim_rows(analysed))
    assert [int(row["rank"]) for row in found] == list(range(1, 20))
    for row in found:
        assert analysed.text[int(row["start"]) : int(row["end"])] == row["text"]
    speakers = {row["sentence"]: row["speaker"] for row in found}
    assert speakers["s10"] == "الرئيس الأوكراني فولوديمير زيلينسكي"


def test_csv_of_stances_names_each_claim(analysed: Article) -> None:
    found = rows(records.STANCE_COLUMNS, records.stance_rows(analysed))
    assert {row["claim"] for row in found} == {one.claim.id for one in analysed.claims}
    for row in found:
        assert row["stance"] != "unrelated" or row["repeats"] == "yes"


def test_a_nul_does_not_end_a_csv() -> None:
    article = analyse('قال\0 الوزير، ثم "صمت".\nنص', models=Models())
    (first, _) = rows(records.CLAIM_COLUMNS, records.claim_rows(article))
    assert first["text"] == 'قال\u2400 الوزير، ثم "صمت".'
