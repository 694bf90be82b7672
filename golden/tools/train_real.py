"""LoRA adapters for real models of other families, by PEFT and PyTorch, on demo data.

    train_real.py train NAME      trains models/adapters/NAME, one of those below
    train_real.py evaluate NAME [ADAPTER]   measures base and adapter, as stored, on the first 200 test lines in Float32

The bases are the files that fetch_models.py brings, decoded to Float32; texts are tokenised by llama.cpp. `train` is no part
of `make golden`, since no two machines train to the same bytes. What it makes is not kept here: an adapter of Gemma may be
passed on under Gemma's terms only. GOLDEN_THREADS sets the threads.
"""

import hashlib
import os
import shutil
import sys
import time

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model

import cases
import crosscheck_real
import real_models
import train_adapters

SEED, TASK, TESTED = 20261130, "banking-topics", 200
RATE, WARMUP = 5e-4, 5
# File of the base, its name, rank, steps, examples a step: queries and values, as PEFT chooses them for both.
ADAPTERS = {
    "banking-topics-gemma3-r8": ("gemma-3-270m-q4_k_m.gguf", "google/gemma-3-270m", 8, 100, 16),
    "banking-topics-qwen25-r4": (
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "Qwen/Qwen2.5-Coder-0.5B-Instruct", 4, 50, 8),
}


def base_path(name: str) -> str:
    return os.path.join(cases.ROOT, "models", ADAPTERS[name][0])


def examples(name: str, split: str, count: int) -> list[tuple[list[int], list[int], int]]:
    """Prompts, the tokens of the choices, one each, and the place of the right one."""
    rows = train_adapters.rows(TASK, split)[:count]
    prompts = crosscheck_real.llama_cpp(base_path(name), {"tokenize": [row["prompt"] for row in rows], "special": True})
    choices = crosscheck_real.llama_cpp(base_path(name), {"tokenize": rows[0]["choices"], "special": False})
    assert all(len(ids) == 1 for ids in choices) and all(row["choices"] == rows[0]["choices"] for row in rows)
    return [(prompt, [ids[0] for ids in choices], row["answer"]) for prompt, row in zip(prompts, rows)]


def last_logits(model, batch: list) -> torch.Tensor:
    """Logits after each prompt `[batch, vocabulary]`; padding stands to the right, where no token sees it."""
    width = max(len(prompt) for prompt, _, _ in batch)
    ids = torch.tensor([prompt + [0] * (width - len(prompt)) for prompt, _, _ in batch])
    decoder = model.base_model.model if isinstance(model, PeftModel) else model
    hidden = decoder.model(input_ids=ids, use_cache=False).last_hidden_state
    return decoder.lm_head(hidden[range(len(batch)), [len(prompt) - 1 for prompt, _, _ in batch]])


def train(name: str) -> None:
    torch.manual_seed(SEED)
    _, base_name, rank, steps, size = ADAPTERS[name]
    data = examples(name, "train", steps * size)
    settings = LoraConfig(r=rank, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(real_models.load(base_path(name)), settings).train()
    model.peft_config["default"].base_model_name_or_path = base_name
    weights = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    started = time.time()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * min((step + 1) / WARMUP, (steps - step) / (steps - WARMUP))
        batch = data[step * size : (step + 1) * size]
        loss = F.cross_entropy(last_logits(model, batch), torch.tensor([choices[right] for _, choices, right in batch]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        print(f"step {step + 1}/{steps} loss {loss.item():.4f} {time.time() - started:.0f} s", flush=True)
    folder = os.path.join(cases.ROOT, "models", "adapters", name)
    shutil.rmtree(folder, ignore_errors=True)
    model.half().save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    for file in sorted(os.listdir(folder)):
        path = os.path.join(folder, file)
        with open(path, "rb") as opened:
            print(hashlib.sha256(opened.read()).hexdigest(), os.path.getsize(path), os.path.relpath(path, cases.ROOT))


def evaluate(name: str, adapter: str) -> None:
    data = examples(name, "test", TESTED)
    model = real_models.load(base_path(name))
    print("base", *measured(model, data))
    model = PeftModel.from_pretrained(model, adapter, autocast_adapter_dtype=False).float().eval()
    print("adapter", *measured(model, data))


def measured(model, data: list) -> tuple[str, str]:
    """Accuracy and NLL as the product defines them for choices of one token."""
    right, loss = 0, 0.0
    with torch.no_grad():
        for start in range(0, len(data), 16):
            batch = data[start : start + 16]
            for row, (_, choices, answer) in zip(last_logits(model, batch).double().log_softmax(-1), batch):
                right += int(row[choices].argmax()) == answer
                loss -= float(row[choices[answer]])
    return f"accuracy {right / len(data):.3f}", f"NLL {loss / len(data):.4f}"


if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "train" and len(sys.argv) == 3 and sys.argv[2] in ADAPTERS:
        train(sys.argv[2])
    elif command == "evaluate" and len(sys.argv) in (3, 4) and sys.argv[2] in ADAPTERS:
        own = os.path.join(cases.ROOT, "models", "adapters", sys.argv[2])
        evaluate(sys.argv[2], sys.argv[3] if len(sys.argv) == 4 else own)
    else:
        sys.exit(__doc__)
