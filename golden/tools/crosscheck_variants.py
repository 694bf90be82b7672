"""Adapters that are more than low-rank updates, converted without loss: exports against PEFT and Transformers.

    crosscheck_variants.py [XSPRESS]

Every case of golden/adapters_variants for the tiny model is converted with its own directions kept, exported to `peft`
and to `merged`. Logits of the first by PEFT and of the second by Transformers are compared with those of the
original adapter by PEFT, which is also compared with the base to see that it changes anything.
"""

import os
import subprocess
import sys
import tempfile

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, LlamaForSequenceClassification

import cases
import make_tiny
from results import Results

CASES = ["dora", "pissa", "olora", "kasa", "bdlora", "tokens", "embedding", "saved"]
TOKENS = torch.tensor([[3, 5, 7, 11, 2, 40, 63, 3]])


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(TOKENS).logits.double()


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def peft(path: str) -> torch.Tensor:
    return logits(PeftModel.from_pretrained(make_tiny.base(torch.float32), path))


def classes(base: str, adapter: str) -> torch.Tensor:
    model = LlamaForSequenceClassification.from_pretrained(base, num_labels=3, pad_token_id=0, dtype=torch.float32)
    return logits(PeftModel.from_pretrained(model, adapter))


def check_head(results: Results, run, base: str, folder: str) -> None:
    """A classifier, whose head the base lacks: logits of its classes."""
    adapter = os.path.join(cases.GOLDEN, "adapters_variants", "classifier")
    artifact, output = os.path.join(folder, "classifier.loraxs"), os.path.join(folder, "classifier-peft")
    run("convert", "--base", base, "--adapter", adapter, "--directions", "own", "--store", "f32", "-o", artifact)
    run("export", artifact, "--base", base, "--to", "peft", "-o", output)
    results.add(
        "classifier: peft against the adapter in PEFT, classes", error(classes(base, output), classes(base, adapter)), 1e-4)


def main() -> int:
    tool = sys.argv[1] if len(sys.argv) > 1 else os.path.join(cases.ROOT, ".build", "release", "xspress")
    base = os.path.join(cases.GOLDEN, "tiny", "model")
    results = Results(
        "variants", "Lossless conversions of adapters beyond plain LoRA, by PEFT and Transformers", "torch",
        "transformers", "peft", "safetensors")
    plain = logits(make_tiny.base(torch.float32))
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_CACHE_HOME": folder}

        def run(*arguments: str) -> None:
            subprocess.run([tool, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)

        for name in CASES:
            adapter = os.path.join(cases.GOLDEN, "adapters_variants", name)
            expected = peft(adapter)
            results.add(f"{name}: PEFT, adapter against base", error(plain, expected), 1e-2, above=True)
            for handling in ("approximate", "keep") if name == "dora" else ("approximate",):
                artifact = os.path.join(folder, f"{name}-{handling}.loraxs")
                run("convert", "--base", base, "--adapter", adapter, "--directions", "own", "--store", "f32", "--dora", handling,
                    "-o", artifact)
                for target in ("peft", "merged"):
                    output = os.path.join(folder, f"{name}-{handling}-{target}")
                    run("export", artifact, "--base", base, "--to", target, "-o", output)
                    found = (peft(output) if target == "peft" else
                             logits(AutoModelForCausalLM.from_pretrained(output, dtype=torch.float32)))
                    label = f"{name} ({handling})" if name == "dora" else name
                    results.add(f"{label}: {target} against the adapter in PEFT", error(found, expected), 1e-4)
        check_head(results, run, base, folder)
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
