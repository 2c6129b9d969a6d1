"""Asking a real server: what it takes, how it fails, what is kept, what it costs, and what is never told."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from naba.classifier import folder as directory
from naba.errors import UserError
from naba.models import prompted
from naba.models.prompting import endpoint
from naba.models.prompting.asking import _record_file, records_folder
from naba.models.prompting.shots import Shots

NAMES = {"agree": "تأييد", "disagree": "معارضة"}


def table(rows):
    return pd.DataFrame({"text": [f"نص رقم {row}" for row in range(rows)], "target": ["ادعاء"] * rows}, dtype=object)


def model(server, **options):
    given = {"language_model": "tiny", "retries": 2, "timeout": 1.0} | options
    return prompted(endpoint=server.url, task="stance", label_names=NAMES, pair=True, **given)


def fitted(server, **options):
    return model(server, **options).fit(table(4), np.array(["agree", "disagree"] * 2, dtype=object))


# --- what the server takes ------------------------------------------------------------------------------------------


def test_everything_is_asked_for_where_everything_is_taken(server):
    found = fitted(server)
    assert all(found.accepts_.values())
    assert len(server.behaviour.seen) == 1, "one request finds it out"
    assert found.probability_kind_ == "tokens"
    fitted(server)
    assert len(server.behaviour.seen) == 1, "and it is remembered"


@pytest.mark.parametrize("name", ["response_format", "logprobs", "seed", "system", "temperature"])
def test_one_thing_that_is_refused_costs_no_other(server, name):
    server.behaviour.refuses = (name,)
    found = fitted(server)
    assert [ability for ability, taken in found.accepts_.items() if not taken] == [name]
    found.predict(table(1))
    (asked,) = server.behaviour.rows()
    assert name not in asked
    if name == "system":
        assert [one["role"] for one in asked["messages"]] == ["user"]
        assert "1 = تأييد" in asked["messages"][0]["content"]


def test_what_is_taken_and_not_heeded_is_left_out(server):
    server.behaviour.ignores = ("logprobs", "response_format")
    found = fitted(server)
    assert (found.accepts_["logprobs"], found.accepts_["response_format"]) == (False, False)
    assert found.probability_kind_ == "one_hot"
    assert found.predict_proba(table(1)).tolist() == [[1.0, 0.0]]


def test_newer_servers_name_the_limit_otherwise(server):
    server.behaviour.refuses = ("max_tokens",)
    assert not fitted(server).accepts_["max_tokens"]
    assert server.behaviour.seen[-1]["max_completion_tokens"] == 32


# --- probabilities --------------------------------------------------------------------------------------------------


def test_probabilities_are_those_of_the_token_that_answers(server):
    server.behaviour.logprobs = lambda _: [("1", np.log(0.6)), (" 1", np.log(0.1)), ("2", np.log(0.2)), ("x", -3.0)]
    found = fitted(server)
    assert found.predict_proba(table(1))[0] == pytest.approx([7 / 9, 2 / 9])


def test_votes_are_shares_and_each_is_asked_for(server):
    turn = iter("112" * 10)
    server.behaviour.answer = lambda _: next(turn)
    found = fitted(server, votes=3, temperature=1.0, at_once=1)
    server.behaviour.answer = lambda request: "121"[request["seed"]]
    assert found.probability_kind_ == "votes"
    assert found.predict_proba(table(1))[0] == pytest.approx([2 / 3, 1 / 3])
    assert [one["seed"] for one in server.behaviour.rows()] == [0, 1, 2]


def test_without_seeds_votes_are_still_asked_for_one_by_one(server):
    server.behaviour.refuses = ("seed",)
    fitted(server, votes=3, at_once=1).predict(table(1))
    assert len(server.behaviour.rows()) == 3


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["429", "500", "cut", "no_choices", "html", "hang", pytest.param("drip", marks=pytest.mark.slow)]
)
def test_a_server_that_fails_once_is_asked_again(server, fault):
    found = fitted(server)
    server.behaviour.plan = [fault]
    said = found.answer(table(1))
    assert said.labels.tolist() == ["agree"]
    assert said.outcomes.tolist() == ["answered"]
    assert len(server.behaviour.rows()) == 2


@pytest.mark.parametrize("fault", ["429", "500", "cut", "no_choices", "html"])
def test_a_server_that_always_fails_is_asked_so_often_and_no_more(server, fault):
    found = fitted(server)
    server.behaviour.plan = ["", fault, fault, fault]
    said = found.answer(table(2).assign(text=["ا", "ب"]).iloc[:1])
    said = found.answer(table(2).assign(text=["ا", "ب"]))
    assert said.outcomes.tolist() == ["answered", "error"]
    assert said.labels.tolist() == ["agree", ""]
    assert said.probabilities[1].tolist() == [0.5, 0.5], "nothing is filled in"
    assert len(server.behaviour.rows()) == 4
    found.answer(table(2).assign(text=["ا", "ب"]))
    assert len(server.behaviour.rows()) == 5, "a failure is not kept: only that row is asked again"


def test_a_server_that_hangs_costs_no_more_than_the_time_it_was_given(server):
    found = fitted(server, timeout=0.3, retries=1)
    server.behaviour.always = "hang"
    begun = time.monotonic()
    assert found.answer(table(1)).outcomes.tolist() == ["error"]
    assert time.monotonic() - begun < 2.5


def test_all_wait_where_the_server_told_one_to(server):
    found = fitted(server, at_once=1)
    server.behaviour.retry_after = "1"
    server.behaviour.plan = ["429"]
    found.predict(table(1))
    first, second = server.behaviour.moments[-2:]
    assert second - first >= 1.0


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server):
    found = fitted(server)
    server.behaviour.retry_after, server.behaviour.plan = "3600", ["429"]
    with pytest.raises(UserError, match="asks to wait 3,600 seconds"):
        found.predict(table(1))


def test_a_date_to_wait_for_is_understood():
    assert endpoint._retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert endpoint._retry_after("soon") is None
    assert endpoint._retry_after("1.5") == 1.5


@pytest.mark.parametrize(
    ("fault", "outcome"), [("bad_request", "error"), ("filtered", "refused"), ("forbidden_words", "refused")]
)
def test_a_request_that_is_not_taken_is_not_repeated(server, fault, outcome):
    found = fitted(server)
    server.behaviour.plan = [fault]
    assert found.answer(table(1)).outcomes.tolist() == [outcome]
    assert len(server.behaviour.rows()) == 1


def test_nobody_listens(server):
    found = fitted(server, retries=1)
    found.endpoint = "http://127.0.0.1:9/v1"
    del found._asker
    with pytest.raises(UserError, match=r"no server answers at http://127\.0\.0\.1:9/v1"):
        found.predict(table(3))


def test_a_model_that_is_not_there_is_answered_with_those_that_are(server):
    with pytest.raises(UserError, match="does not exist") as error:
        fitted(server, language_model="missing")
    assert "it has: tiny" in str(error.value)
    with pytest.raises(UserError, match="say which one is asked") as error:
        fitted(server, language_model=None)
    assert "has: tiny" in str(error.value)


def test_so_many_at_once_and_no_more(server):
    found = fitted(server, at_once=3)
    server.behaviour.seconds = 0.1
    found.predict(table(9))
    assert server.behaviour.most_busy == 3


# --- kept answers ---------------------------------------------------------------------------------------------------


def test_nothing_is_asked_twice(server):
    found = fitted(server)
    rows = pd.concat([table(3), table(3)], ignore_index=True)
    assert len(found.predict(rows)) == 6
    assert len(server.behaviour.rows()) == 3, "equal rows are one request"
    before = found.costs()
    assert (before["rows"], before["requests"], before["asked"], before["tokens_in"]) == (6, 6, 3, 600)
    again = fitted(server)
    again.predict(rows)
    assert len(server.behaviour.rows()) == 3
    assert again.costs()["asked"] == 0
    assert again.costs()["tokens_in"] == 600, "what the answers cost does not depend on when they were bought"


def test_a_damaged_record_is_asked_for_again(server):
    found = fitted(server)
    found.predict(table(1))
    (name,) = {one.name for row in found._requests(table(1)) for one in row}
    _record_file(name).write_text('{"reply": {"te', encoding="utf-8")
    assert found.predict(table(1)).tolist() == ["agree"]
    assert len(server.behaviour.rows()) == 2


PROGRAM = """
import sys
import numpy as np, pandas as pd
from naba.models import prompted
rows = int(sys.argv[2])
X = pd.DataFrame({"text": [f"نص رقم {row}" for row in range(rows)], "target": ["ادعاء"] * rows}, dtype=object)
model = prompted(endpoint=sys.argv[1], language_model="tiny", task="stance", pair=True, at_once=2,
                 label_names={"agree": "تأييد", "disagree": "معارضة"})
model.fit(X[:4], np.array(["agree", "disagree"] * 2, dtype=object))
print(len(model.predict(X)), flush=True)
"""


@pytest.mark.slow
def test_who_is_killed_asks_nothing_twice(server):
    server.behaviour.seconds = 0.05
    command = [sys.executable, "-c", PROGRAM, server.url, "60"]
    first = subprocess.Popen(command, env=os.environ.copy())
    deadline = time.monotonic() + 120
    while len(server.behaviour.rows()) < 15 and time.monotonic() < deadline:
        time.sleep(0.01)
    first.kill()
    first.wait()
    time.sleep(0.3)
    seen = len(server.behaviour.rows())
    assert 15 <= seen < 60
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "60"
    texts = [one["messages"][-1]["content"] for one in server.behaviour.rows()]
    assert len(set(texts)) == 60
    # Only what was under way in the moment of the kill, two at most, was never received and is asked for again.
    assert len(texts) - 60 <= 2


# --- money ----------------------------------------------------------------------------------------------------------


def test_a_budget_stops_cleanly_and_a_larger_one_goes_on(server):
    # gpt-4o-mini: 100 tokens in and 2 out are 16.2 millionths; 32 of answer are reserved.
    found = fitted(server, language_model="gpt-4o-mini", budget=0.0002, at_once=1)
    with pytest.raises(UserError, match=r"model.budget=0.0002 is used up") as error:
        found.predict(table(60))
    asked = len(server.behaviour.rows())
    assert 5 <= asked <= 13
    assert f"{60 - asked} of 60 requests were not asked" in str(error.value)
    more = fitted(server, language_model="gpt-4o-mini", budget=1.0)
    more.predict(table(60))
    assert len(server.behaviour.rows()) == 60
    assert more.costs()["money"] == pytest.approx(60 * (100 * 0.15 + 2 * 0.60) / 1e6)


def test_a_budget_without_a_price_is_refused(server):
    with pytest.raises(UserError, match="no price is known for 'tiny'"):
        model(server, budget=1.0)


def test_a_table_of_prices_of_ones_own(server, tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(
        "currency: EUR\nmachine_hour: {cpu: 1, gpu: 2, dated: 2026-11-01}\n"
        "tokens: {tiny: {in: 1000, out: 0, dated: 2026-11-01}}\n",
        encoding="utf-8",
    )
    found = fitted(server, prices=str(path))
    found.predict(table(2))
    assert found.costs()["money"] == pytest.approx(0.2)
    path.with_name("bad.yaml").write_text("currency: EUR\ntokens: {tiny: {in: -1}}\n", encoding="utf-8")
    with pytest.raises(UserError, match="machine_hour: missing"):
        model(server, prices=str(tmp_path / "bad.yaml"))


def test_a_plan_asks_nothing(server):
    y = np.array(["agree", "disagree"] * 2, dtype=object)
    found = model(server, language_model="gpt-4o").plan(table(4), y, None, table(10))
    assert server.behaviour.seen == []
    assert (found["rows"], found["asked"]) == (10, 10)
    assert found["tokens_out"] == 320
    assert found["money"] == pytest.approx((found["tokens_in"] * 2.5 + 320 * 10) / 1e6)


# --- the key --------------------------------------------------------------------------------------------------------


def test_the_key_is_sent_and_never_told(server, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("NABA_API_KEY", "sk-very-secret-0123")
    server.behaviour.key = "sk-very-secret-0123"
    found = fitted(server, shots=2)
    found.predict(table(2))
    directory.save(found, tmp_path / "model", description())
    written = [path for root in (tmp_path, records_folder()) for path in root.rglob("*") if path.is_file()]
    assert len(written) > 4
    for path in written:
        assert b"very-secret" not in path.read_bytes(), path
    server.behaviour.key = "another"
    with pytest.raises(UserError, match="401") as error:
        found.predict(table(3))
    assert "very-secret" not in str(error.value) + caplog.text
    assert "NABA_API_KEY" in str(error.value)


def test_a_file_cannot_have_the_key_sent_to_its_own_address(server, monkeypatch, tmp_path):
    found = fitted(server)
    directory.save(found, tmp_path / "model", description())
    monkeypatch.setenv("NABA_API_KEY", "sk-very-secret-0123")
    loaded, _ = directory.load(tmp_path / "model")
    loaded.predict(table(1))
    assert "Authorization" not in server.behaviour.headers[-1]
    monkeypatch.setenv("NABA_ENDPOINT", server.url)
    loaded, _ = directory.load(tmp_path / "model")
    loaded.predict(table(2))
    assert server.behaviour.headers[-1]["Authorization"] == "Bearer sk-very-secret-0123"


@pytest.mark.parametrize(
    "address",
    ["localhost:8000", "ftp://x/v1", "http://me:pw@host/v1", "http://h/v1?key=3", "http://h/chat/completions"],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(address):
    with pytest.raises(UserError, match="endpoint"):
        prompted(endpoint=address, language_model="tiny")


# --- the folder -----------------------------------------------------------------------------------------------------


def description():
    return {"task": "stance", "dataset": "d", "input": ["text", "target"], "normalisation": None, "labels": NAMES}


def test_a_folder_holds_prompt_shots_and_endpoint_and_answers_the_same(server, tmp_path):
    found = fitted(server, shots=2)
    before = found.answer(table(3))
    directory.save(found, tmp_path / "model", description())
    assert "تأييد" in (tmp_path / "model" / "prompt.yaml").read_text(encoding="utf-8")
    about = json.loads((tmp_path / "model" / "endpoint.json").read_text(encoding="utf-8"))
    assert (about["endpoint"], about["language_model"]) == (server.url, "tiny")
    assert len((tmp_path / "model" / "shots.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    asked = len(server.behaviour.seen)
    loaded, said = directory.load(tmp_path / "model")
    assert len(server.behaviour.seen) == asked, "loading asks nothing"
    assert said["prompted"]["language_model"] == "tiny"
    after = loaded.answer(table(3))
    assert after.labels.tolist() == before.labels.tolist()
    assert after.probabilities.tobytes() == before.probabilities.tobytes()
    assert len(server.behaviour.seen) == asked


@pytest.mark.parametrize(
    ("setting", "value"),
    [("limits", {}), ("limits", {"budget": -1}), ("sampling", {"votes": "3"}), ("sampling", {"temperature": 9}),
     ("price", {"in": 1}), ("price", {"in": 1, "out": 2, "dated": "soon"}), ("endpoint", "file:///etc/passwd")],
)  # fmt: skip
def test_a_file_that_says_what_naba_does_not_write_is_refused(server, tmp_path, setting, value):
    found = fitted(server)
    kept = getattr(found, setting)
    setattr(found, setting, kept | value if value and isinstance(kept, dict) else value)
    with pytest.raises(UserError, match="PromptedClassifier"):
        directory.save(found, tmp_path / "model", description())


# --- shots ----------------------------------------------------------------------------------------------------------


def training(rows, targets="ا"):
    texts = [f"أسعار النفط ترتفع {row}" if row % 2 else f"مباراة كرة القدم {row}" for row in range(rows)]
    targets = [targets[row % len(targets)] for row in range(rows)]
    return pd.DataFrame({"text": texts, "target": targets}, dtype=object)


def chosen(count, choose, X, groups=None, seed=0, embeddings=None):
    labels = ["agree" if row % 3 else "disagree" for row in range(len(X))]
    return Shots(count, choose, embeddings, seed).fit(X, labels, groups)


def asking(text, group="", target="ا"):
    return pd.DataFrame({"text": [text], "target": [target], "group": [group]}, dtype=object)


@pytest.mark.parametrize("choose", ["fixed", "balanced", "nearest"])
def test_no_shot_is_of_the_rows_own_group(choose):
    X, groups = training(20), ["g1", "g2", "g3", "g4"] * 5
    chooser = chosen(4, choose, X, groups)
    group_of = dict(zip(X["text"], groups, strict=True))
    for group in ("g1", "g4"):
        (shots,) = chooser.of(asking("أسعار النفط ترتفع 1", group))
        assert len(shots) == 4
        assert group not in {group_of[one.text] for one in shots}


def test_new_texts_count_their_target_as_their_group_where_groups_are_targets():
    X = training(6, "اب")
    (shots,) = chosen(6, "fixed", X, list(X["target"])).of(asking("نص", target="ب"))
    assert {one.target for one in shots} == {"ا"}


def test_balanced_shots_take_the_labels_in_turn():
    X = training(30)
    first, again, other = (chosen(4, "balanced", X, seed=seed) for seed in (0, 0, 1))
    (shots,) = first.of(asking("x"))
    assert sorted(one.label for one in shots) == ["agree", "agree", "disagree", "disagree"]
    assert first.rows_ == again.rows_ != other.rows_


def test_nearest_shots_are_alike_and_the_nearest_stands_last():
    (shots,) = chosen(3, "nearest", training(10)).of(asking("أسعار النفط ترتفع 7 اليوم"))
    assert all("النفط" in one.text for one in shots)
    assert shots[-1].text == "أسعار النفط ترتفع 7"


def test_shots_are_turns_of_the_conversation(server):
    fitted(server, shots=2).predict(table(5).iloc[4:])
    (asked,) = server.behaviour.rows()
    assert [one["role"] for one in asked["messages"]] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert {asked["messages"][2]["content"], asked["messages"][4]["content"]} == {"1", "2"}
