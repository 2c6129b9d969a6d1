"""`naba train model=prompted` against real servers: a run like any other, from its plan to its export."""

import csv
import io
import json
from pathlib import Path

import pytest

from naba import cli, tracking
from naba.config import overrides
from naba.errors import UserError
from naba.experiment import run as train
from naba.experiment.job import prepare
from serving import served
from store_copies import copy_store

GOLD = {"agree": "1", "disagree": "2", "discuss": "3", "unrelated": "4"}


@pytest.fixture
def home(empty_store, own_home):
    copy_store(empty_store, own_home)
    return own_home


def options(server, **more):
    given = {"dataset": "synthetic_stance", "model": "prompted", "model.endpoint": server.url,
             "model.language_model": "gpt-4o-mini", "evaluation.resamples": 50, "model.retries": 1} | more  # fmt: skip
    return [f"{key}={value}" for key, value in given.items()]


def oracle(dataset):
    """An answer that is right for most rows, refused for some, silent for others."""
    rows = {row["text"] + row["target"]: row["label"] for row in dataset.table}

    def answer(request):
        said = request["messages"][-1]["content"]
        target, _, text = said.removeprefix("الادعاء: ").partition("\nالنص: ")
        number = sum(said.encode()) % 10
        if number == 0:
            return "عذرا، لا أستطيع"
        if number == 1:
            return "تأييد أو معارضة"
        return GOLD[rows.get(text + target, "agree")] if number < 8 else "1"

    return answer


@pytest.fixture
def trained(server, home):
    server.behaviour.ignores = ("response_format", "logprobs")
    given = options(server, **{"model.shots": 2, "model.choose": "nearest", "model.at_once": 8})
    server.behaviour.answer = oracle(prepare(overrides.compose(given)).dataset)
    return given, train.run(overrides.compose(given), given)


@pytest.mark.slow
def test_a_prompted_run_is_a_run_like_any_other(server, trained, home, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NABA_API_KEY", "sk-very-secret-0123")
    given, outcome = trained
    run = tracking.find(outcome.run)
    shares = {name: run.metrics[f"test/share_{name}"] for name in ("answered", "refused", "unparsed", "error")}
    assert 0.6 < shares["answered"] < 0.95
    assert shares["refused"] > 0.02
    assert shares["unparsed"] > 0.02
    assert shares["error"] == 0
    assert any("refused" in warning for warning in outcome.warnings)
    assert run.metrics["test/accuracy"] < shares["answered"]
    slices = run.table("test_slices")
    assert {"refused", "answered"} <= set(slices[slices["column"] == "outcome"]["value"])
    assert run.metrics["cost/tokens_in"] == 100 * run.metrics["cost/requests"]
    assert run.metrics["cost/money"] == pytest.approx(run.metrics["cost/requests"] * (100 * 0.15 + 2 * 0.6) / 1e6)
    accepts = json.loads(run.file("model/endpoint.json").read_text(encoding="utf-8"))["accepts"]
    assert (accepts["logprobs"], accepts["seed"]) == (False, True)
    # Nothing of the run, its store or its cache has the key.
    for path in home.rglob("*"):
        assert not path.is_file() or b"very-secret" not in path.read_bytes(), path
    # The same again is found; with other speed or budget too; another prompt is another run.
    assert train.run(overrides.compose([*given, "model.budget=5.0"])).status == "found"
    assert train.run(overrides.compose(given[:-1])).status == "found"
    other = prepare(overrides.compose([*given, "model.language=en"]))
    assert other.identity.run != run.facts.identity
    # Boards, export, prediction.
    cli.main(["train", "model=tfidf_nb", "evaluation.resamples=50", "tracking.log_model=false"])
    capsys.readouterr()
    assert cli.main(["compare", "dataset=synthetic_stance", "--csv"]) == 0
    board = {row["model"].split()[0]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    prompted, nb = board["prompted"], board["tfidf_nb"]
    assert float(prompted["share_answered"]) == pytest.approx(shares["answered"])
    assert (nb["share_answered"], prompted["probabilities"], nb["probabilities"]) == ("", "one_hot", "model")
    assert float(prompted["money_per_1000_rows"]) == pytest.approx(1000 * (100 * 0.15 + 2 * 0.6) / 1e6)
    assert float(nb["money_per_1000_rows"]) > 0
    assert float(nb["rows_per_second"]) > float(prompted["rows_per_second"]) > 0
    asked = len(server.behaviour.seen)
    assert cli.main(["export", outcome.run, str(tmp_path / "export")]) == 0
    assert len(server.behaviour.seen) == asked, "the export is compared on answers that are kept"
    assert cli.main(["reproduce", outcome.run]) == 0
    assert len(server.behaviour.seen) == asked, "what is reproduced is read from answers that are kept"
    card = (tmp_path / "export" / "README.md").read_text(encoding="utf-8")
    assert "gpt-4o-mini" in card
    assert "asks" in card
    (tmp_path / "new.csv").write_text("text,target\nارتفاع أسعار النفط,تراجع أسعار النفط\n", encoding="utf-8")
    server.behaviour.answer = lambda _: "2"
    assert cli.main(["predict", str(tmp_path / "export"), str(tmp_path / "new.csv"), "--output",
                     str(tmp_path / "out.csv")]) == 0  # fmt: skip
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines())
    assert (row["label"], row["outcome"]) == ("disagree", "answered")


def test_answers_made_elsewhere_may_be_missing(home, capsys, tmp_path):
    dataset = prepare(overrides.compose(["dataset=synthetic_stance"])).dataset
    ids = dataset.ids(dataset.indices("test")).tolist()
    lines = ["id,label", *(f"{name},{'' if row % 4 == 0 else 'agree'}" for row, name in enumerate(ids))]
    (tmp_path / "gpt.csv").write_text("\n".join(lines), encoding="utf-8")
    given = [
        "score",
        str(tmp_path / "gpt.csv"),
        "dataset=synthetic_stance",
        "evaluation.resamples=50",
        "--track",
        "gpt",
    ]
    assert cli.main(given) == 2
    assert "--unanswered" in capsys.readouterr().err
    assert cli.main([*given, "--unanswered"]) == 0
    run = next(iter(tracking.search()))
    agreeing = sum(gold == "agree" for row, gold in enumerate(dataset.gold(dataset.indices("test"))) if row % 4)
    assert run.metrics["test/accuracy"] == pytest.approx(agreeing / len(ids))
    assert run.metrics["test/share_empty"] == pytest.approx(0.25, abs=0.01)


def test_a_language_model_without_a_name_is_refused_before_a_run_begins(server, home, capsys):
    given = [item for item in options(server) if not item.startswith("model.language_model=")]
    assert cli.main(["train", *given]) == 2
    assert "model.language_model: say which one is asked" in capsys.readouterr().err
    assert not tracking.search(finished=False)


def test_a_dry_run_says_what_it_would_cost_asks_nothing_and_leaves_nothing(server, home, capsys, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert cli.main(["train", *options(server), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert server.behaviour.seen == []
    assert "rows" in said
    assert "tokens" in said
    assert "USD" in said
    assert not tracking.search(finished=False)
    assert cli.main(["train", "model=majority,tfidf_nb", "-m", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "majority" in said
    assert "tfidf_nb" in said
    assert not tracking.search(finished=False)
    assert list(Path.cwd().iterdir()) == []
    assert cli.main(["train", "model=glob(tfidf_*)", "-m", "--dry-run"]) == 2
    assert "name the choices" in capsys.readouterr().err


@pytest.mark.slow
def test_a_used_up_budget_fails_the_run_and_the_next_goes_on(server, home):
    given = options(server, **{"model.budget": 0.001, "model.at_once": 1})
    with pytest.raises(UserError, match="is used up"):
        train.run(overrides.compose(given))
    asked = len(server.behaviour.rows())
    assert asked > 10
    (failed,) = tracking.search(finished=False)
    assert failed.status == "FAILED"
    done = train.run(overrides.compose([*given, "model.budget=9.0"]))
    assert done.status == "trained"
    texts = [str(one["messages"]) for one in server.behaviour.rows()]
    assert len(texts) == len(set(texts)), "nothing was asked twice"


def test_an_own_prompt_is_hashed_by_what_is_in_it(server, home, tmp_path):
    path = tmp_path / "mine.yaml"
    content = "task: stance\nlanguage: ar\nsystem: |\n  اختر:\n  {choices}\nrow: '{target} / {text}'\n"
    path.write_text(content, encoding="utf-8")
    given = options(server, **{"model.prompt": path})
    first = prepare(overrides.compose(given)).identity
    path.write_text(f"# a comment\n{content}", encoding="utf-8")
    assert prepare(overrides.compose(given)).identity == first
    path.write_text(content.replace("اختر", "أجب"), encoding="utf-8")
    assert prepare(overrides.compose(given)).identity != first
    path.write_text("task: stance\nlanguage: ar\nsystem: x\nrow: '{txt}'\n", encoding="utf-8")
    with pytest.raises(UserError, match="unknown mark 'txt'; did you mean 'text'"):
        train.run(overrides.compose(given))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no threshold keeps errors")
@pytest.mark.parametrize("model", ["calibrated", "abstaining"])
def test_wrappers_take_it(server, home, model):
    given = [f"dataset=synthetic_stance model={model} evaluation.resamples=50 tracking.log_model=false"]
    given = [*given[0].split(), "model.classifier.builder=prompted"]
    server.behaviour.logprobs = lambda request: [
        (str(sum(str(request).encode()) % 4 + 1), -0.2),
        ("1", -2.0),
        ("2", -2.2),
    ]
    server.behaviour.answer = lambda request: str(sum(str(request).encode()) % 4 + 1)
    cfg = overrides.compose(given[:-1])
    from omegaconf import OmegaConf, open_dict

    with open_dict(cfg):
        cfg.model.classifier = OmegaConf.create(
            {"builder": "prompted", "endpoint": server.url, "language_model": "tiny", "at_once": 8}
        )
    outcome = train.run(cfg)
    assert outcome.status == "trained"
    assert outcome.score("test").n > 50


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["synthetic_stance", "synthetic_claim_type"])
def test_nabas_own_model_behind_the_protocol_gives_its_own_scores(home, dataset, capsys):
    """The whole way on the wire: what the classifier says itself is what comes back, labels and probabilities."""
    own = train.run(overrides.compose([f"dataset={dataset}", "model=tfidf_nb", "evaluation.resamples=50"]))
    with served(own.run, home, "--openai") as server:
        given = {
            "dataset": dataset, "model": "prompted", "model.endpoint": f"http://127.0.0.1:{server.port}/v1",
            "model.language_model": "tfidf_nb", "model.prompt": "served_by_naba", "evaluation.resamples": 50,
            "model.at_once": 8, "tracking.log_model": "false",
        }  # fmt: skip
        asked = train.run(overrides.compose([f"{key}={value}" for key, value in given.items()]))
        status, said = server.ask(b'{"model": "tfidf_nb", "messages": [{"role": "user"}]}', "/v1/chat/completions")
        assert (status, "must hold a text" in said) == (400, True)
        status, said = server.ask(b'{"model": "gpt", "messages": []}', "/v1/chat/completions")
        assert (status, "this server has 'tfidf_nb'" in said) == (404, True)
        assert "tfidf_nb" in server.ask(b"", "/v1/models", "GET")[1]
    first, second = tracking.find(own.run), tracking.find(asked.run)
    assert second.facts.probabilities == "tokens"
    for section in ("validation", "test"):
        one, other = first.predictions(section), second.predictions(section)
        assert one.predicted.tolist() == other.predicted.tolist()
        assert abs(one.probabilities - other.probabilities).max() < 1e-6
        assert set(other.outcomes) == {"answered"}
    score = asked.score("test", "macro_f1")
    assert 0.3 < score.value < 1
    assert score.value == own.score("test", "macro_f1").value
