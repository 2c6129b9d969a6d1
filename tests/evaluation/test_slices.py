import numpy as np
import pytest

from naba.evaluation.predictions import Predictions
from naba.evaluation.slices import MOST_VALUES, slice_scores, text_columns

LABELS = ("agree", "disagree")


def make(gold, predicted):
    gold, predicted = np.array(gold, dtype=object), np.array(predicted, dtype=object)
    return Predictions(np.arange(len(gold)).astype(str), gold, predicted, np.full((len(gold), 2), 0.5), LABELS)


def test_columns_seen_in_arabic_text():
    columns = text_columns(
        ["ارتفاع عدد القتلى إلى ١٥", "الرئيس لم يحضر القمة", "قال: «لن نتراجع»؟", "مش عارف iPhone", "كِتاب " * 50],
        ["ارتفاع القتلى إلى 15", "الرئيس حضر 2 قمة", "", "", ""],
    )
    assert columns["has number"].tolist() == ["yes", "no", "no", "no", "no"]
    assert columns["has negation"].tolist() == ["no", "yes", "yes", "no", "no"]
    assert columns["has quotation"].tolist() == ["no", "no", "yes", "no", "no"]
    assert columns["has question mark"].tolist() == ["no", "no", "yes", "no", "no"]
    assert columns["has Latin letters"].tolist()[3] == "yes"
    assert columns["has dialect words"].tolist()[3] == "yes"
    assert columns["has diacritics"].tolist()[4] == "yes"
    assert columns["length"].tolist()[0] == "up to 8 words"
    assert columns["length"].tolist()[4] == "from 40 words"
    assert columns["numbers clash"].tolist()[0] == "same", "Arabic-Indic and Western digits are one number"


@pytest.mark.parametrize(
    "text", ["لا يريد", "لَا يريد", "لـــا يريد", "وَلَمْ يحضر", "ونفى ذلك", "نَفَى ذلك", "ما زال حيا", "مَا  زَالَ حيا"]
)
def test_a_negation_is_seen_however_it_is_written(text):
    assert text_columns([text])["has negation"].tolist() == ["yes"]


@pytest.mark.parametrize(
    ("text", "target", "clash"),
    [
        ("بلغ العدد 1,234", "بلغ العدد ١٢٣٤", "same"),
        ("بلغ 1,234.5 مليون", "بلغ 1", "yes"),
        ("قتل خمسة عشر شخصا", "مقتل 15", "same"),
        ("قتل خمسة عشر شخصا", "مقتل 16", "yes"),
        ("قتل 15 شخصا", "مقتل العشرات", "no numbers to compare"),
        ("قتل كثيرون", "مقتل 16", "no numbers to compare"),
        ("بين 15 و20", "مقتل 15", "same"),
    ],
)
def test_numbers_clash_where_no_number_is_in_both(text, target, clash):
    assert text_columns([text], [target])["numbers clash"].tolist() == [clash]


def test_a_negation_inside_a_word_is_none():
    assert text_columns(["السلام للجميع", "الأعلام"])["has negation"].tolist() == ["no", "no"]


def test_single_texts_have_no_columns_of_targets():
    assert "numbers clash" not in text_columns(["نص"], [""])


def test_the_worst_slice_comes_first_and_small_ones_last():
    gold = ["agree", "disagree"] * 60
    predicted = [*gold[:40], *["agree"] * 40, *gold[80:110], *["agree"] * 10]
    outlet = ["a"] * 40 + ["b"] * 40 + ["c"] * 30 + ["d"] * 10
    found = slice_scores(make(gold, predicted), {"outlet": outlet, "constant": ["x"] * 120}, "accuracy", resamples=200)
    assert [one.value for one in found] == ["b", "a", "c", "d"]
    assert [one.small for one in found] == [False, False, False, True]
    assert found[0].gap < 0 < found[1].gap
    assert sum(one.share for one in found) == 1


def test_columns_of_ids_are_no_slices():
    predictions = make(["agree"] * 100, ["agree"] * 100)
    assert slice_scores(predictions, {"id": predictions.ids}, "accuracy", resamples=10) == []
    values = {number: [str(row % number) for row in range(100)] for number in (MOST_VALUES, MOST_VALUES + 1)}
    found = slice_scores(predictions, {str(number): values[number] for number in values}, "accuracy", resamples=10)
    assert {one.column for one in found} == {"60"}


@pytest.mark.parametrize(
    ("words", "band"), [(8, "up to 8 words"), (9, "9 to 39 words"), (39, "9 to 39 words"), (40, "from 40 words")]
)
def test_bands_of_length_say_their_bounds(words, band):
    assert text_columns(["كلمة " * words])["length"].tolist() == [band]
