"""`naba evaluate-attribution`: how well who says what is found.

naba evaluate-attribution
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naba.cli import console
from naba.cli.arguments import Parser, check_name

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """Precision, recall and F1 of sentences, cues, speakers, contents and kinds of reported speech, with
95 % intervals over articles, on the 24 articles of data/attribution (their texts come from saudinewsnet: the network,
or NABA_MIRROR) and on the labelled article. The labels come from language models; no person has checked them.

--track keeps the kind of speech that the rules find in each sentence as a run on the data set news_speech, so that
`naba compare dataset=news_speech` shows two versions of the rules side by side."""


def main(arguments: Sequence[str]) -> int:
    """Run `naba evaluate-attribution`."""
    parser = Parser("evaluate-attribution", DESCRIPTION)
    parser.add_argument("--track", metavar="NAME", help="keep it as a run under this name, such as rules-2")
    options = parser.parse_args(arguments)
    check_name("--track", options.track)
    from naba.analysis import evaluate

    evaluate.main()
    if options.track:
        outcome = evaluate.track(options.track)
        kept = "kept" if outcome.status == "trained" else "already there"
        console.note(f"{kept}: run {outcome.run[:12]}; next: naba compare dataset={evaluate.SPEECH}")
    return 0
