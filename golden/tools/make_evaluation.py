"""Per-example losses, choice scores and greedy tokens on the first test examples (Float64)."""

import json
import os

import numpy as np
import torch

import cases
import models
from make_training import completion_logits

COUNT = 16
# What the adapters' own record says about the first 500 test examples (golden/adapters/README.md).
RECORDED = {
    "banking77": {
        "base": {"accuracy": 0.0, "nll": 5.9323},
        "adapter": {"accuracy": 0.890, "nll": 0.1076},
    },
    "clinc-domains": {
        "base": {"accuracy": 0.196, "nll": 9.3055},
        "adapter": {"accuracy": 0.900, "nll": 0.2865},
    },
}


def read(relative: str, count: int) -> list[dict]:
    with open(os.path.join(cases.ROOT, relative), encoding="utf-8") as file:
        return [json.loads(next(file)) for _ in range(count)]


def log_likelihood(model, prompt: list[int], completion: list[int]) -> torch.Tensor:
    with torch.no_grad():
        logits = completion_logits(model, {"prompt": prompt, "completion": completion})
    return torch.log_softmax(logits, -1)[range(len(completion)), completion]


def greedy(model, prompt: list[int], count: int) -> tuple[list[int], float]:
    """`count` greedy tokens and the smallest lead of a chosen token over the runner-up."""
    ids, lead, past, step = [], np.inf, None, torch.tensor([prompt])
    with torch.no_grad():
        for _ in range(count):
            result = model(input_ids=step, past_key_values=past, use_cache=True)
            past = result.past_key_values
            values, order = result.logits[0, -1].topk(2)
            lead = min(lead, float(values[0] - values[1]))
            ids.append(int(order[0]))
            step = order[None, :1]
    return ids, lead


def completion_row(model, row) -> dict:
    prompt, completion = models.encode(row["prompt"]), models.encode(row["completion"])
    likelihood = log_likelihood(model, prompt, completion)
    ids, lead = greedy(model, prompt, len(completion))
    return {
        "tokens": len(completion),
        "nll": float(-likelihood.sum()),
        "greedy": ids,
        "lead": float(f"{lead:.1e}"),
        "correct": ids == completion,
    }


def choice_row(model, row) -> dict:
    prompt = models.encode(row["prompt"])
    choices = [models.encode(choice) for choice in row["choices"]]
    scores = [float(log_likelihood(model, prompt, choice).sum()) for choice in choices]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return {
        "tokens": len(choices[row["answer"]]),
        "nll": -scores[row["answer"]],
        "scores": scores,
        "chosen": order[0],
        "lead": float(f"{scores[order[0]] - scores[order[1]]:.1e}"),
        "correct": order[0] == row["answer"],
    }


def one(data: str, adapter: str | None, kind) -> None:
    relative = f"golden/data/{data}/test.jsonl"
    rows = read(relative, COUNT)
    base = models.demo_base()
    inputs = {"base": cases.file_input(cases.DEMO_BASE), "data": cases.file_input(relative)}
    if adapter:
        base = models.with_adapter(base, f"golden/adapters/{adapter}")
        inputs["adapter"] = cases.folder_input(f"golden/adapters/{adapter}")
    found = [kind(base, row) for row in rows]
    summary = {
        "n": len(found),
        "accuracy": sum(row["correct"] for row in found) / len(found),
        "nll": sum(row["nll"] for row in found) / sum(row["tokens"] for row in found),
    }
    cases.write_case(
        "evaluation",
        f"{data}-{'lora' if adapter else 'base'}",
        kind="evaluation",
        title=f"First {COUNT} test examples of {data}, {'with ' + adapter if adapter else 'base'}",
        generator="make_evaluation.py",
        uses=("torch", "transformers", "peft", "tokenizers", "gguf"),
        inputs=inputs,
        parameters={"limit": COUNT},
        tolerances={"nll": 1e-4, "scores": 1e-4},
        expected={"summary": summary, "examples": found},
        precision="float64",
    )


def divergence(data: str, adapter: str) -> None:
    """KL(LoRA model || base) and the share of completion tokens both predict alike."""
    relative = f"golden/data/{data}/test.jsonl"
    rows = read(relative, COUNT)
    base = models.demo_base()
    total, alike, tokens, right, loss = 0.0, 0, 0, 0, 0.0
    examples = []
    for row in rows:
        completion = row["completion"] if "completion" in row else row["choices"][row["answer"]]
        examples.append({"prompt": models.encode(row["prompt"]), "completion": models.encode(completion)})
        right += (choice_row if "choices" in row else completion_row)(base, row)["correct"]
    with torch.no_grad():
        students = [torch.log_softmax(completion_logits(base, example), -1) for example in examples]
        teacher = models.with_adapter(base, f"golden/adapters/{adapter}")
        for example, log_q in zip(examples, students):
            log_p = torch.log_softmax(completion_logits(teacher, example), -1)
            total += float((log_p.exp() * (log_p - log_q)).sum())
            alike += int((log_p.argmax(-1) == log_q.argmax(-1)).sum())
            loss -= float(log_q[range(len(log_q)), example["completion"]].sum())
            tokens += len(log_q)
    cases.write_case(
        "evaluation",
        f"{data}-divergence",
        kind="evaluation",
        title=f"KL and agreement of the base with {adapter} on {COUNT} test examples of {data}",
        generator="make_evaluation.py",
        uses=("torch", "transformers", "peft", "tokenizers", "gguf"),
        inputs={
            "base": cases.file_input(cases.DEMO_BASE),
            "data": cases.file_input(relative),
            "teacher": cases.folder_input(f"golden/adapters/{adapter}"),
        },
        parameters={"limit": COUNT},
        tolerances={"nll": 1e-4, "kl": 1e-4},
        expected={
            "summary": {
                "n": COUNT,
                "accuracy": right / COUNT,
                "nll": loss / tokens,
                "kl": total / tokens,
                "agreement": alike / tokens,
            }
        },
        precision="float64",
    )


def recorded(data: str, adapter: str) -> None:
    """The published figures of the adapters, carried over and not recomputed here."""
    relative = f"golden/data/{data}/test.jsonl"
    for variant, figures in RECORDED[data].items():
        inputs = {"base": cases.file_input(cases.DEMO_BASE), "data": cases.file_input(relative)}
        if variant == "adapter":
            inputs["adapter"] = cases.folder_input(f"golden/adapters/{adapter}")
        cases.write_case(
            "evaluation",
            f"{data}-{'lora' if variant == 'adapter' else 'base'}-500",
            kind="evaluation",
            title=f"First 500 test examples of {data}, {variant}: the recorded figures",
            generator="make_evaluation.py",
            uses=("transformers", "peft"),
            inputs=inputs,
            parameters={"limit": 500, "slow": True},
            tolerances={"nll": 2e-4, "accuracy": 0.0021},
            expected={"summary": {"n": 500} | figures},
            precision="float32 with Transformers 5.23, as golden/adapters/README.md records",
        )


def main() -> None:
    for data, adapter, kind in (
        ("banking77", "banking77-r16", completion_row),
        ("clinc-domains", "clinc-domains-r8", choice_row),
    ):
        recorded(data, adapter)
        one(data, None, kind)
        one(data, adapter, kind)
        divergence(data, adapter)


if __name__ == "__main__":
    main()
