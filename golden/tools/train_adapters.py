"""Two more demo adapters and their data, by PEFT and PyTorch from the demo data that is here.

    train_adapters.py data            writes golden/data/{clinc-pairs,banking-topics}/{train,test}.jsonl; then make_splits.py
    train_adapters.py train NAME      trains golden/adapters/NAME-r8, NAME one of the two
    train_adapters.py evaluate NAME   measures base and adapter, as stored, on the first 500 test lines in Float32

`clinc-pairs` is generative: two utterances of clinc-domains in one prompt, a JSON line with both domains as the
completion. `banking-topics` is a choice: one of five topics, a fixed function of the banking77 intent. Training lines
come from the sources' training files only, test lines from their test files only. Each command prints what
golden/README.md records; `train` is no part of `make golden`, since no two machines train to the same bytes.
GOLDEN_THREADS sets the threads.
"""

import hashlib
import json
import os
import random
import shutil
import sys
import time

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model

import cases
import models
from topics import TOPICS, topic

SEED = 20261125
LINES = {"train": 3000, "test": 500}
RANK, ALPHA, RATE, BATCH, WARMUP = 8, 16, 5e-4, 16, 10


# Data


def rows(source: str, split: str) -> list[dict]:
    with open(os.path.join(cases.GOLDEN, "data", source, f"{split}.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def message(row: dict) -> str:
    """The text between the first word of the source's prompt and its last line."""
    return row["prompt"].split(": ", 1)[1].rsplit("\n", 1)[0]


def clinc_pairs(split: str, count: int, generator: random.Random) -> list[dict]:
    chosen = generator.sample(rows("clinc-domains", split), 2 * count)
    pairs = []
    for first, second in zip(chosen[::2], chosen[1::2]):
        domains = [row["choices"][row["answer"]].strip() for row in (first, second)]
        answer = json.dumps({"first": domains[0], "second": domains[1]})
        prompt = f"First: {message(first)}\nSecond: {message(second)}\nJSON:"
        pairs.append({"prompt": prompt, "completion": f" {answer}\n"})
    return pairs


def banking_topics(split: str, count: int, generator: random.Random) -> list[dict]:
    return [
        {
            "prompt": f"Customer: {message(row)}\nTopic:",
            "choices": TOPICS,
            "answer": TOPICS.index(topic(row["completion"].strip())),
        }
        for row in generator.sample(rows("banking77", split), count)
    ]


TASKS = {"clinc-pairs": clinc_pairs, "banking-topics": banking_topics}


def write_data() -> None:
    for name, make in TASKS.items():
        folder = os.path.join(cases.GOLDEN, "data", name)
        os.makedirs(folder, exist_ok=True)
        for split, count in LINES.items():
            generator = random.Random(f"{SEED} {name} {split}")
            path = os.path.join(folder, f"{split}.jsonl")
            # Test lines behind these are make_splits.py's: run it again.
            with open(path, "w", encoding="utf-8") as file:
                for row in make(split, count, generator):
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            print(digest(path), os.path.relpath(path, cases.ROOT))


def digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# Model and loss


def tokens(row: dict) -> tuple[list[int], list[int]]:
    completion = row["completion"] if "completion" in row else row["choices"][row["answer"]]
    return models.encode(row["prompt"]), models.encode(completion)


def completion_logits(model, examples: list[tuple[list[int], list[int]]]):
    """Logits [positions, vocabulary] that predict completion tokens, and those tokens [positions].

    Padding stands to the right, where causal attention keeps it from every real token.
    """
    width = max(len(prompt) + len(completion) for prompt, completion in examples)
    ids, places, labels = torch.zeros(len(examples), width, dtype=torch.long), [], []
    for row, (prompt, completion) in enumerate(examples):
        text = prompt + completion
        ids[row, : len(text)] = torch.tensor(text)
        places += [row * width + place - 1 for place in range(len(prompt), len(text))]
        labels += completion
    llama = model.base_model.model if hasattr(model, "peft_config") else model
    hidden = llama.model(input_ids=ids, use_cache=False).last_hidden_state
    return llama.lm_head(hidden.flatten(0, 1)[places]), torch.tensor(labels)


def train(name: str) -> None:
    torch.manual_seed(SEED)
    settings = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        target_modules=models.KINDS[:4],  # attention alone, as many shared adapters have it
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(models.demo_base(torch.float32), settings).train()
    model.peft_config["default"].base_model_name_or_path = "HuggingFaceTB/SmolLM2-135M-Instruct"
    examples = [tokens(row) for row in rows(name, "train")]
    weights = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    steps = -(-len(examples) // BATCH)
    started = time.time()
    for step in range(steps):
        rate = RATE * min((step + 1) / WARMUP, (steps - step) / (steps - WARMUP))
        optimizer.param_groups[0]["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, labels = completion_logits(model, examples[step * BATCH : (step + 1) * BATCH])
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        print(f"step {step + 1}/{steps} loss {loss.item():.4f} {time.time() - started:.0f} s", flush=True)
    save(name, model)


def save(name: str, model) -> None:
    folder = os.path.join(cases.GOLDEN, "adapters", f"{name}-r{RANK}")
    shutil.rmtree(folder, ignore_errors=True)
    model.half().save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    for file in sorted(os.listdir(folder)):
        path = os.path.join(folder, file)
        print(digest(path), os.path.getsize(path), os.path.relpath(path, cases.ROOT))


# Measurement


def evaluate(name: str) -> None:
    test = rows(name, "test")[: LINES["test"]]
    base = models.demo_base(torch.float32)
    print("base", *measured(base, test))
    print("adapter", *measured(models.with_adapter(base, f"golden/adapters/{name}-r{RANK}"), test))


def measured(model, test: list[dict]) -> tuple[str, str]:
    """Accuracy and NLL as the product defines them; greedy decoding equals the completion exactly where the most
    likely token is the right one at each of its positions."""
    right, loss, count = 0, 0.0, 0
    with torch.no_grad():
        for row in test:
            prompt, completion = tokens(row)
            logits, labels = completion_logits(model, [(prompt, completion)])
            logarithms = logits.log_softmax(-1)
            loss -= logarithms.gather(1, labels[:, None]).sum().item()
            count += len(labels)
            if "choices" in row:
                choices = [models.encode(choice)[0] for choice in row["choices"]]
                right += int(logarithms[0, choices].argmax()) == row["answer"]
            else:
                right += bool((logarithms.argmax(-1) == labels).all())
    return f"accuracy {right / len(test):.3f}", f"NLL {loss / count:.4f}"


if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "data" and len(sys.argv) == 2:
        write_data()
    elif command in ("train", "evaluate") and len(sys.argv) == 3 and sys.argv[2] in TASKS:
        train(sys.argv[2]) if command == "train" else evaluate(sys.argv[2])
    else:
        sys.exit(__doc__)
