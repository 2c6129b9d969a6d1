# %% [markdown]
# # From a run to a service, in Python

# %%
import naba

run = naba.train("synthetic_stance", "tfidf_nb", evaluation__resamples=200, tracking__figures=False)
run.scores("test")["macro_f1"]

# %% [markdown]
# Export it: the folder answers as the run did, which is checked in a fresh process.

# %%
parity = naba.export(run, "stance")
parity

# %% [markdown]
# The folder is all that is needed, on any machine:

# %%
classifier = naba.load_classifier("stance")
texts = ["ارتفاع أسعار النفط بعد قرار أوبك", "الوزارة تنفي رفع أسعار الوقود"]
targets = ["أسعار النفط ترتفع", "الوزارة ترفع أسعار الوقود"]
classifier.predict(texts, targets)

# %%
classifier.predict_proba(texts, targets).round(3)

# %% [markdown]
# What spoke for and against each answer:

# %%
for found in classifier.explain(texts, targets, top=3):
    print(found.label, [(name, round(value, 2)) for name, value in found.contributions])

# %% [markdown]
# A service answers over HTTP. In a terminal: `naba serve stance --port 8000`. Here it is started, asked, and stopped.

# %%
import json
import subprocess
import sys
import time
import urllib.request

port = 18_431
server = subprocess.Popen(
    [sys.executable, "-m", "naba.cli", "serve", "stance", "--port", str(port)],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
question = json.dumps({"dataframe_records": [{"text": texts[0], "target": targets[0]}]}).encode()
request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", question, {"Content-Type": "application/json"})
for _ in range(240):
    try:
        answer = json.load(urllib.request.urlopen(request))
        break
    except OSError:
        time.sleep(0.5)
server.terminate()
server.wait()
answer["predictions"][0]["label"] == classifier.predict(texts[:1], targets[:1])[0]
