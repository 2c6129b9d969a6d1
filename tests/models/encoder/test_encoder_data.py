"""From texts to padded batches of tokens."""

import itertools

import numpy as np
import pytest

from naba.models.encoder.data import length_parts, prepare, sorted_batches, tokenise, training_batches
from naba.models.encoder.options import Reading
from naba.models.encoder.training import pool, schedule


def _windows(tokenizer, tokens, row):
    batch = tokens.batch(np.array([row]), tokenizer.pad_token_id)
    return [
        (tokenizer.convert_ids_to_tokens(ids[mask == 1]), types[mask == 1].tolist())
        for ids, types, mask in zip(batch.ids, batch.types, batch.mask, strict=True)
    ]


def test_a_pair_is_target_then_text_in_two_segments(tokenizer):
    tokens = tokenise(tokenizer, ["هبوط البورصة"], ["ارتفاع الصادرات"], Reading(max_length=16))
    words, types = _windows(tokenizer, tokens, 0)[0]
    first = words.index("[SEP]")
    assert words[0] == "[CLS]"
    assert words[-1] == "[SEP]"
    assert types == [0] * (first + 1) + [1] * (len(words) - first - 1)
    assert "".join(words[1:first]).replace("##", "") == "ارتفاعالصادرات"


def test_the_longer_side_is_cut(tokenizer):
    long, short = "البورصة " * 40, "ارتفاع"
    tokens = tokenise(tokenizer, [long], [short], Reading(max_length=12))
    words, _types = _windows(tokenizer, tokens, 0)[0]
    assert len(words) == 12
    assert "".join(words[1 : words.index("[SEP]")]).replace("##", "") == short
    swapped, _ = _windows(tokenizer, tokenise(tokenizer, [short], [long], Reading(max_length=12)), 0)[0]
    assert "".join(swapped[swapped.index("[SEP]") + 1 : -1]).replace("##", "") == short


@pytest.mark.parametrize("paired", [False, True])
def test_windows_overlap_and_keep_the_target(tokenizer, paired):
    text = " ".join(["ارتفاع", "هبوط", "زيادة", "تراجع"] * 10)
    targets = ["البورصة", "البورصة"] if paired else None
    tokens = tokenise(tokenizer, ["صعود", text], targets, Reading(max_length=16, windows=50, stride=3))
    assert len(_windows(tokenizer, tokens, 0)) == 1
    windows = _windows(tokenizer, tokens, 1)
    assert len(windows) > 2
    bodies = []
    for words, types in windows:
        assert len(words) <= 16
        start = words.index("[SEP]") + 1 if paired else 1
        assert sum(types) == (len(words) - start if paired else 0)
        if paired:
            assert "".join(words[1 : start - 1]).replace("##", "") == "البورصة"
        bodies.append(words[start:-1])
    assert all(left[-3:] == right[:3] for left, right in itertools.pairwise(bodies))
    whole = bodies[0] + [word for body in bodies[1:] for word in body[3:]]
    assert whole == tokenizer.tokenize(text)


def test_a_long_target_leaves_room_for_the_text(tokenizer):
    reading = Reading(max_length=16, windows=3, stride=2)
    tokens = tokenise(tokenizer, ["هبوط " * 30], ["البورصة " * 30], reading)
    windows = _windows(tokenizer, tokens, 0)
    assert len(windows) == 3
    assert all(sum(types) >= 4 for _, types in windows)


def test_batches_hold_every_row_once_and_their_parts_little_padding():
    lengths = np.random.default_rng(0).integers(5, 100, 1000)
    batches = training_batches(1000, 32, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(1000))
    parts = [length_parts(lengths, rows) for rows in batches]
    for rows, cut in zip(batches, parts, strict=True):
        assert sorted(np.concatenate(cut)) == sorted(rows)
    padded = sum(lengths[rows].max() * len(rows) for cut in parts for rows in cut)
    assert padded < 1.5 * lengths.sum() < sum(lengths[rows].max() * len(rows) for rows in batches)
    again = training_batches(1000, 32, np.random.default_rng(2))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(again))
    assert sorted(np.concatenate(list(sorted_batches(lengths, 64)))) == list(range(1000))


def test_short_batches_are_not_cut():
    assert len(length_parts(np.full(100, 12), np.arange(32))) == 1
    assert len(length_parts(np.full(100, 2000), np.arange(2))) == 2


def test_padding_is_masked(tokenizer):
    tokens = tokenise(tokenizer, ["هبوط", "هبوط البورصة في مصر", ""], None, Reading(max_length=16))
    batch = tokens.batch(np.array([2, 1, 0]), tokenizer.pad_token_id, multiple=8)
    assert batch.ids.shape[1] % 8 == 0
    assert (batch.ids[batch.mask == 0] == tokenizer.pad_token_id).all()
    assert batch.mask.sum(axis=1).tolist() == tokens.lengths[[2, 1, 0]].tolist()


def test_windows_are_pooled_by_row():
    import torch

    scores = torch.tensor([[1.0, 0.0], [3.0, -2.0], [5.0, 5.0]])
    owner = np.array([0, 0, 1])
    assert pool(scores, owner, 2, "mean").tolist() == [[2.0, -1.0], [5.0, 5.0]]
    assert pool(scores, owner, 2, "max").tolist() == [[3.0, 0.0], [5.0, 5.0]]


@pytest.mark.parametrize("decay", ["linear", "cosine", "none"])
def test_the_learning_rate_rises_then_falls(decay):
    rates = [schedule(step, 100, 0.1, decay) for step in range(100)]
    assert rates[0] > 0
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == rates[10] == 1.0
    assert rates[-1] == 1.0 if decay == "none" else rates[-1] < 0.02


def test_preprocessing_is_what_the_encoder_was_trained_on():
    text = "قُتـــل ١٥شخصاً، 3.5% @user https://t.co/x"
    assert prepare([text], "none", None) == [text]
    assert prepare([text], "arabert", None) == ["قتل 15 شخصا ، 3.5 % [مستخدم] [رابط]"]
    assert prepare([text], "marbert", None) == ["قتـــل ١٥شخصا، 3.5% USER URL"]
    assert prepare(["قُتـــل", ""], "camelbert", None) == ["قتل", ""]
    assert prepare(["نص", ""], "e5", None) == ["query: نص", ""]
