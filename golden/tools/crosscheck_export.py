"""Loads exports of an artifact with PEFT and Transformers and compares them.

    python crosscheck_export.py PEFT_DIR MERGED_DIR [OTHER_PEFT_DIR]

PEFT_DIR and MERGED_DIR come from `xspress export … --to peft` and `--to merged`; OTHER_PEFT_DIR is the same
artifact exported elsewhere (another BLAS kernel, thread count, cache). Prints relative errors of logits and exits
with 1 above 1e-4.
"""

import sys

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

import models

TEXTS = [
    "Utterance: what is my balance\nDomain:",
    "Customer: My card has not arrived yet, 14 days now!\nIntent:",
    "The quick brown fox",
]


def logits(model) -> np.ndarray:
    tokenizer = models.demo_tokenizer()
    rows = []
    with torch.no_grad():
        for text in TEXTS:
            ids = torch.tensor([tokenizer.encode(text).ids])
            rows.append(model(ids).logits[0].double().numpy())
    return np.concatenate(rows)


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main() -> int:
    peft_directory, merged_directory, *others = sys.argv[1:]
    expected = logits(PeftModel.from_pretrained(models.demo_base(torch.float32), peft_directory).eval())
    results = {
        "merged against PEFT": error(
            logits(AutoModelForCausalLM.from_pretrained(merged_directory, dtype=torch.float32)),
            expected,
        ),
        "base against PEFT (must differ)": error(logits(models.demo_base(torch.float32)), expected),
    }
    for other in others:
        results[f"{other} against {peft_directory}"] = error(
            logits(PeftModel.from_pretrained(models.demo_base(torch.float32), other).eval()), expected
        )
    for name, value in results.items():
        print(f"{name}: {value:.2e}")
    apart = results.pop("base against PEFT (must differ)")
    return 0 if apart > 1e-2 and all(value <= 1e-4 for value in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
