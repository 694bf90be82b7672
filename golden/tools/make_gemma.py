"""What Transformers computes with Gemma 3 270M, of which `make digests` fetches the GGUF file.

    make_gemma.py [GGUF]      by default models/gemma-3-270m-q4_k_m.gguf; writes golden/models/gemma-3-270m-logits.json

The weights are those of the file, by gguf `dequantize`, in Float32; norms with the one that GGUF adds taken away.
"""

import json
import os
import sys

import torch

import cases
import real_models
from seeded import SeededGenerator

SEED = 20261130


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(cases.ROOT, "models/gemma-3-270m-q4_k_m.gguf")
    model = real_models.load(path)
    vocabulary = model.config.vocab_size
    # The first token is <bos>, as in every text of the model; the others are any.
    prompt = [2] + [int(u * 200_000) for u in SeededGenerator(SEED, 1).uniforms(600)]
    positions, tokens = [0, 1, 100, 511, 512, 600], [int(u * vocabulary) for u in SeededGenerator(SEED, 2).uniforms(40)]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0].double()
    losses = -torch.log_softmax(logits[:-1], dim=-1)[range(len(prompt) - 1), prompt[1:]]
    with open(os.path.join(cases.output, "models", "gemma-3-270m-logits.json"), "w") as file:
        json.dump({
            "prompt": prompt, "positions": positions, "tokens": tokens,
            "logits": [[round(float(logits[p, t]), 5) for t in tokens] for p in positions],
            "meanLoss": float(losses.mean()),
            "provenance": {
                "generator": "golden/tools/make_gemma.py", "seed": SEED,
                "libraries": cases.libraries("torch", "transformers", "gguf"),
            },
        }, file)
        file.write("\n")
    print(float(losses.mean()), logits[positions][:, tokens[:4]])


if __name__ == "__main__":
    main()
