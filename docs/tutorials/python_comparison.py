# %% [markdown]
# # A first comparison, in Python
#
# Two classifiers on the embedded data set. It was written and labelled by a language model, so the scores mean nothing
# beyond this page.

# %%
import naba

dataset = naba.load_dataset("synthetic_stance")
len(dataset), dataset.labels

# %% [markdown]
# A row is a text, a target that it is judged against, and a label:

# %%
rows = dataset.indices("train")[:3]
dataset.frame(rows).assign(label=dataset.gold(rows))

# %% [markdown]
# Train two models with two seeds each. A run that is finished already is found, so this cell may be run again.

# %%
for model in ("majority", "tfidf_nb"):
    for seed in (0, 1):
        run = naba.train(dataset, model, seed=seed, evaluation__resamples=200, tracking__figures=False)
run

# %% [markdown]
# The board groups seeds into one line. Systems that share a letter cannot be told apart on these rows.

# %%
board = naba.compare("synthetic_stance", resamples=500)
board

# %% [markdown]
# As a table of pandas, with every number in full, or as a page with an error browser:

# %%
from pathlib import Path

Path("board.html").write_text(board.html(), encoding="utf-8")
board.frame()[["model", "value", "low", "high"]]
