"""`naba evaluate-attribution`: how well the rules find who says what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.cli.arguments import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """Precision, recall and F1 of sentences, cues, speakers, contents and kinds of reported speech, with
95 % intervals over articles, on the 24 articles of data/attribution (their texts come from saudinewsnet: the network,
or NABA_MIRROR) and on the labelled article. The labels come from language models; no person has checked them."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba evaluate-attribution`."""
    Parser("evaluate-attribution", DESCRIPTION).parse_args(arguments)
    from naba.analysis import evaluate

    evaluate.main()
    return 0
