"""A LoRA with a head for classes on a real encoder, all-MiniLM-L6-v2, by PEFT and PyTorch, on demo data.

    train_encoder.py rows               writes the rows of banking-topics as texts and labels beside the models
    train_encoder.py train              trains models/adapters/banking-topics-minilm-r8
    train_encoder.py evaluate [ADAPTER] measures it, or another PEFT adapter, on test lines 501 to 1,000 in Float32

The base is what fetch_models.py brings. `train` is no part of `make golden`, since no two machines train to the same bytes; what
it makes is not kept here. GOLDEN_THREADS sets the threads.
"""

import json
import os
import shutil
import sys

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

import cases
import train_adapters

SEED, TASK, NAME = 20261130, "banking-topics", "banking-topics-minilm-r8"
RANK, STEPS, SIZE, RATE, WARMUP = 8, 160, 16, 1e-3, 10
MODELS = os.path.join(cases.ROOT, "models")
BASE = os.path.join(MODELS, "all-MiniLM-L6-v2")


def labelled(split: str) -> list[dict]:
    """`Customer: TEXT\\nTopic:` with the place of the right topic, as the text alone and its label."""
    return [
        {"text": row["prompt"].removeprefix("Customer: ").removesuffix("\nTopic:"), "label": row["answer"]}
        for row in train_adapters.rows(TASK, split)
    ]


def write_rows() -> None:
    folder = os.path.join(MODELS, "data", TASK + "-labels")
    os.makedirs(folder, exist_ok=True)
    for split in ("train", "dev", "test"):
        with open(os.path.join(folder, split + ".jsonl"), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in labelled(split))
    print(os.path.relpath(folder, cases.ROOT))


def logits(model, tokenizer, rows: list[dict]) -> torch.Tensor:
    batch = tokenizer.encode_batch([row["text"] for row in rows])
    return model(
        input_ids=torch.tensor([row.ids for row in batch]),
        attention_mask=torch.tensor([row.attention_mask for row in batch]),
    ).logits


def start():
    """The base with a head that is drawn anew, and its tokenizer without the length that it was stored with."""
    torch.manual_seed(SEED)
    model = BertForSequenceClassification.from_pretrained(BASE, num_labels=5, dtype=torch.float32)
    tokenizer = Tokenizer.from_file(os.path.join(BASE, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    return model, tokenizer


def train() -> None:
    model, tokenizer = start()
    settings = LoraConfig(
        r=RANK, lora_alpha=16, target_modules=["query", "value"], modules_to_save=["classifier"], task_type="SEQ_CLS"
    )
    model = get_peft_model(model, settings).train()
    model.peft_config["default"].base_model_name_or_path = "sentence-transformers/all-MiniLM-L6-v2"
    weights = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    rows = labelled("train")
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * min((step + 1) / WARMUP, (STEPS - step) / (STEPS - WARMUP))
        batch = rows[step * SIZE : (step + 1) * SIZE]
        loss = F.cross_entropy(logits(model, tokenizer, batch), torch.tensor([row["label"] for row in batch]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if (step + 1) % 20 == 0:
            print(f"step {step + 1}/{STEPS} loss {loss.item():.4f}", flush=True)
    folder = os.path.join(MODELS, "adapters", NAME)
    shutil.rmtree(folder, ignore_errors=True)
    model.half().save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    print(sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder)), "bytes")


def evaluate(adapter: str) -> None:
    model, tokenizer = start()
    model = PeftModel.from_pretrained(model, adapter, autocast_adapter_dtype=False).float().eval()
    rows = labelled("test")[500:]
    with torch.no_grad():
        found = torch.cat([logits(model, tokenizer, rows[i : i + 50]).double().log_softmax(-1) for i in range(0, len(rows), 50)])
    right = torch.tensor([row["label"] for row in rows])
    accuracy = float((found.argmax(-1) == right).double().mean())
    print(f"accuracy {accuracy:.3f}, NLL {-float(found[range(len(rows)), right].mean()):.4f}")


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("GOLDEN_THREADS", "2")))
    own = os.path.join(MODELS, "adapters", NAME)
    match sys.argv[1:]:
        case ["rows"]:
            write_rows()
        case ["train"]:
            train()
        case ["evaluate"]:
            evaluate(own)
        case ["evaluate", adapter]:
            evaluate(adapter)
        case _:
            sys.exit(__doc__)
