"""The wire format of a server that others wrote: `transformers serve` with a tiny checkpoint made here, offline."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from naba.models import prompted
from naba.tracking.server import Address, wait_for
from ports import free_port

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A Llama of two thin layers with random weights, whose tokenizer knows the digits and the letters it saw."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("llama")
    bytes_ = Tokenizer(models.BPE())
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    bytes_.train_from_iterator(["ارتفاع أسعار النفط 1 2 3", "yes no answer"], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def address(checkpoint):
    if importlib.util.find_spec("openai") is None:
        pytest.skip("transformers serve needs the package openai")
    address = Address("127.0.0.1", free_port())
    program = Path(sys.executable).with_name("transformers")
    start = [str(program)] if program.is_file() else [sys.executable, "-m", "transformers.cli.transformers"]
    command = [*start, "serve", str(checkpoint), "--host", address.host, "--port", str(address.port), "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        wait_for(process, address, "/health")
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_real_server_is_asked_and_its_words_are_read(address, checkpoint):
    X = pd.DataFrame({"text": [f"ارتفاع أسعار النفط {row}" for row in range(6)], "target": ["خبر"] * 6}, dtype=object)
    y = np.array(["agree", "disagree"] * 3, dtype=object)
    model = prompted(
        endpoint=f"{address}/v1", language_model=str(checkpoint), task="stance", pair=True, tokens=4, retries=0,
        label_names={"agree": "تأييد", "disagree": "معارضة"}, timeout=120.0, at_once=2,
    )  # fmt: skip
    model.fit(X, y)
    assert model.accepts_["system"]
    assert model.probability_kind_ == ("tokens" if model.accepts_["logprobs"] else "one_hot")
    said = model.answer(X)
    # Random weights say nothing sensible: what matters is that every row has an outcome, and none has failed.
    assert len(said.outcomes) == 6
    assert "error" not in set(said.outcomes)
    assert set(said.outcomes) <= {"answered", "unparsed", "truncated", "empty"}
    costs = model.costs()
    assert costs["tokens_in"] > 6 * 20
    assert costs["tokens_out"] > 0
    again = model.answer(X)
    assert again.outcomes.tolist() == said.outcomes.tolist()
    assert model.costs()["asked"] == costs["asked"]
