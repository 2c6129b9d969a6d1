# %% [markdown]
# # Your own data and model, in Python
#
# A table of headlines about prices; yours is read in the same way, from CSV, Excel, JSON Lines or Parquet.

# %%
import pandas as pd

words = {"up": ["ارتفاع", "صعود", "زيادة"], "down": ["انخفاض", "هبوط", "تراجع"]}
goods = ["النفط", "القمح", "الذهب", "السكر", "الغاز"]
rows = [
    {
        "id": f"{label}{number}",
        "headline": f"{words[label][number % 3]} أسعار {goods[number % 5]} في الشهر {number}",
        "label": label,
    }
    for number in range(60)
    for label in words
]
pd.DataFrame(rows).to_csv("prices.csv", index=False)

# %%
import naba

columns = {"id": "id", "text": "headline"}
prices = naba.load_dataset("prices.csv", columns=columns)
naba.check(prices)

# %% [markdown]
# A package of your own: `naba new package DIR` writes one with a model, a metric and a data set, and `--package` (here
# the variable that it sets) allows it. Only what you allow is ever imported.

# %%
import os
from pathlib import Path

from naba.config.new_package import write

write(Path("desk"))
os.environ["NABA_PACKAGES"] = "./desk/src/desk"
print(Path("desk/src/desk/models.py").read_text(encoding="utf-8"))

# %% [markdown]
# Its model on your data, beside one of naba's:

# %%
for model in ("desk_words", "tfidf_nb"):
    run = naba.train(
        "prices.csv",
        model,
        dataset__columns=columns,
        evaluation__metrics=["desk_error_rate"],
        evaluation__resamples=200,
        tracking__figures=False,
    )
    print(run.name, run.scores("test")["macro_f1"].value, run.scores("test")["desk_error_rate"].value)

# %% [markdown]
# A mistake is one message, the same as on the command line:

# %%
try:
    naba.train("prices.csv", "desk_words", dataset__columns=columns, model__charcters=2)
except naba.UserError as error:
    print(error)
