"""Reads every kind of export of one artifact with other programs and compares what they hold and compute.

    crosscheck_export.py WORK

WORK is filled by `make crosscheck`: `peft`, `other` (the same, made with another BLAS kernel, one thread and an
empty cache), `merged`, `sharded`, `adapter.gguf`, `base-f32.gguf` (the demo base by f32_base.py),
`merged-f32.gguf` and `merged-f16.gguf` (on that base), `merged-q8.gguf` (on the demo base), `lora-xs`, `mlx`,
`kohya.safetensors`.

Factors and weights are compared by safetensors and gguf-py; logits by PEFT, Transformers and mlx-lm,
log-probabilities of the next token by llama.cpp (xllamacpp), the last two where they are installed. Exits with 1 where
anything is above its limit; golden/crosscheck/export.json has what a run measured.
"""

import json
import os
import subprocess
import sys

import gguf
import numpy as np
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

import cases
import models
from results import Results

TEXTS = [
    "Utterance: what is my balance\nDomain:",
    "Customer: My card has not arrived yet, 14 days now!\nIntent:",
    "The quick brown fox",
]
# Same weights in Float32, other kernels.
CLOSE = 1e-4
# llama.cpp rounds activations to the type of the weights, and to eight bits where these are quantised: by more than this
# adapter changes. With quantised weights the comparison only shows that a file is read and roughly right; that the weights
# themselves are right is check_merged_gguf's to show.
HALF = 1e-2
QUANTISED = 0.3


def token_lists() -> list[list[int]]:
    return [models.encode(text) for text in TEXTS]


def logits(model) -> np.ndarray:
    rows = []
    with torch.no_grad():
        for ids in token_lists():
            rows.append(model(torch.tensor([ids])).logits[0].double().numpy())
    return np.concatenate(rows)


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def tensors(path: str) -> dict[str, np.ndarray]:
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def gguf_values(path: str) -> dict[str, np.ndarray]:
    reader = gguf.GGUFReader(path)
    return {t.name: gguf.dequantize(t.data, t.tensor_type) for t in reader.tensors}


def unpermuted(name: str, rows: np.ndarray) -> np.ndarray:
    if ".attn_q." in name:
        return models.unpermute(rows, models.field("llama.attention.head_count"))
    if ".attn_k." in name:
        return models.unpermute(rows, models.field("llama.attention.head_count_kv"))
    return rows


# --- Updates ---------------------------------------------------------------------------------------------------


def peft_updates(folder: str) -> dict[str, np.ndarray]:
    with open(os.path.join(folder, "adapter_config.json")) as file:
        config = json.load(file)
    found = tensors(os.path.join(folder, "adapter_model.safetensors"))
    result = {}
    for key, a in found.items():
        if not key.endswith(".lora_A.weight"):
            continue
        module = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        alpha = config["alpha_pattern"].get(module, config["lora_alpha"])
        b = found[key.replace("lora_A", "lora_B")]
        result[module] = alpha / a.shape[0] * (b.astype(np.float64) @ a)
    return result


def compare(results: Results, name: str, found: dict, expected: dict, limit: float) -> None:
    assert set(found) == set(expected), (name, set(found) ^ set(expected))
    results.add(name, max(error(found[key], expected[key]) for key in expected), limit)


def gguf_updates(path: str) -> dict[str, np.ndarray]:
    reader = gguf.GGUFReader(path)
    fields = {key: reader.fields[key].contents() for key in reader.fields}
    assert fields["general.type"] == "adapter" and fields["adapter.type"] == "lora", fields
    found = gguf_values(path)
    result = {}
    for key, a in found.items():
        if key.endswith(".lora_a"):
            base = key.removesuffix(".lora_a")
            b = unpermuted(base, found[base + ".lora_b"])
            scale = fields["adapter.lora.alpha"] / a.shape[0]
            result[models.hf_name(base).removesuffix(".weight")] = scale * (b.astype(np.float64) @ a)
    return result


def mlx_updates(folder: str) -> dict[str, np.ndarray]:
    with open(os.path.join(folder, "adapter_config.json")) as file:
        parameters = json.load(file)["lora_parameters"]
    found = tensors(os.path.join(folder, "adapters.safetensors"))
    return {
        key.removesuffix(".lora_a"): parameters["scale"] * (a.astype(np.float64) @ found[key[:-1] + "b"]).T
        for key, a in found.items()
        if key.endswith(".lora_a")
    }


def kohya_updates(path: str, modules) -> dict[str, np.ndarray]:
    found = tensors(path)
    names = {module: "lora_te_" + module.replace(".", "_") for module in modules}
    assert len(found) == 3 * len(names)
    return {
        module: found[f"{name}.alpha"].item() / found[f"{name}.lora_down.weight"].shape[0]
        * (found[f"{name}.lora_up.weight"].astype(np.float64) @ found[f"{name}.lora_down.weight"])
        for module, name in names.items()
    }


def check_lora_xs(results: Results, folder: str, expected: dict) -> None:
    found = tensors(os.path.join(folder, "ft", "adapter_model.safetensors"))
    with open(os.path.join(folder, "ft", "adapter_config.json")) as file:
        config = json.load(file)
    with open(os.path.join(folder, "reconstr_config.json")) as file:
        assert json.load(file)["svd"]["rank"] == config["r"] == config["lora_alpha"]
    updates, ties = {}, []
    weights = models.demo_weights()
    for module in expected:
        prefix = f"base_model.model.{module}"
        a, b = found[f"{prefix}.lora_A.weight"].astype(np.float64), found[f"{prefix}.lora_B.weight"].astype(np.float64)
        updates[module] = b @ found[f"{prefix}_lora_latent_mapping.weight"] @ a
        # What the reference's own start has: A = Bᵀ W.
        ties.append(error(a, b.T @ weights[f"{module}.weight"]))
    compare(results, "lora-xs: B R A against PEFT's B A", updates, expected, 1e-5)
    results.add("lora-xs: A against Bᵀ W", max(ties), 1e-5)


# --- Merged GGUF -----------------------------------------------------------------------------------------------


def check_merged_gguf(results: Results, path: str, base: str, kind: str, updates: dict) -> None:
    """Every field and every tensor without an update as in the base; the others quantised as gguf-py does."""
    before, after = gguf.GGUFReader(base), gguf.GGUFReader(path)
    changed = {"general.file_type", "general.quantization_version"}
    for key in before.fields:
        if not key.startswith("GGUF.") and key not in changed:
            assert before.fields[key].contents() == after.fields[key].contents(), key
    assert [t.name for t in before.tensors] == [t.name for t in after.tensors]
    worst = 0.0
    for old, new in zip(before.tensors, after.tensors):
        name = models.hf_name(old.name)
        update = updates.get(name.removesuffix(".weight"))
        if update is None:
            assert old.tensor_type == new.tensor_type and np.array_equal(old.data, new.data), old.name
            continue
        assert new.tensor_type.name == kind, (new.name, new.tensor_type)
        found = unpermuted(new.name, gguf.dequantize(new.data, new.tensor_type))
        wanted = (models.demo_weights()[name] + update).astype(np.float32)
        wanted = gguf.dequantize(gguf.quants.quantize(wanted, new.tensor_type), new.tensor_type)
        # A sum on the border between two codes may fall to either side.
        worst = max(worst, float((np.abs(found - wanted) > 1e-6 * np.abs(wanted).max()).mean()))
    results.add(f"{os.path.basename(path)}: share of merged weights unlike gguf-py's", worst, 1e-3)


# --- Programs --------------------------------------------------------------------------------------------------


def check_llama_cpp(results: Results, work: str, base: np.ndarray, expected: np.ndarray) -> None:
    """After each text: llama_cpp_run.py has the next token's log-probabilities alone."""
    try:
        import xllamacpp  # noqa: F401
    except ImportError:
        results.skip("llama.cpp", "xllamacpp is not installed")
        return

    lists = token_lists()
    last = np.cumsum([len(ids) for ids in lists]) - 1
    request = json.dumps({"prompts": lists, "tokens": base.shape[1]})
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "llama_cpp_run.py")

    def normal(rows: np.ndarray) -> np.ndarray:
        return rows[last] - np.logaddexp.reduce(rows[last], axis=1, keepdims=True)

    def run(*paths: str) -> np.ndarray:
        done = subprocess.run([sys.executable, script, *paths], capture_output=True, text=True, input=request)
        (rows,) = [line for line in done.stdout.splitlines() if line.startswith("ROWS ")]
        return np.array(json.loads(rows.removeprefix("ROWS ")), np.float64)

    base, expected = normal(base), normal(expected)
    adapter, plain, wide = (os.path.join(work, f"{name}.gguf") for name in ("adapter", "base-f32", "merged-f32"))
    quantised = os.path.join(cases.ROOT, cases.DEMO_BASE)
    results.add("llama.cpp, F32 base against Transformers", error(run(plain), base), CLOSE)
    found = run(plain, adapter)
    results.add("llama.cpp, F32 base with gguf-lora against without", error(found, base), 1e-2, above=True)
    results.add("llama.cpp, F32 base with gguf-lora against PEFT", error(found, expected), CLOSE)
    results.add("llama.cpp, merged-gguf F32 against PEFT", error(run(wide), expected), CLOSE)
    results.add(
        "llama.cpp, merged-gguf F16 against PEFT", error(run(os.path.join(work, "merged-f16.gguf")), expected), HALF)
    before, after = run(quantised), run(quantised, adapter)
    results.add("llama.cpp, Q4_1 base with gguf-lora against without", error(after, before), 1e-2, above=True)
    results.add("read and roughly right: llama.cpp, Q4_1 base with gguf-lora against PEFT", error(after, expected), QUANTISED)
    rounded = os.path.join(work, "merged-q8.gguf")
    results.add("read and roughly right: llama.cpp, merged-gguf Q8_0 against PEFT", error(run(rounded), expected), QUANTISED)


def check_mlx(results: Results, work: str, expected: np.ndarray) -> None:
    try:
        import mlx.core as mx
        from mlx.utils import tree_flatten
        from mlx_lm.models import llama
        from mlx_lm.tuner.utils import load_adapters
    except ImportError:
        results.skip("mlx-lm", "not installed")
        return
    mx.set_default_device(mx.cpu)
    config = models.demo_config()
    model = llama.Model(
        llama.ModelArgs(
            model_type="llama", hidden_size=config.hidden_size, num_hidden_layers=config.num_hidden_layers,
            intermediate_size=config.intermediate_size, num_attention_heads=config.num_attention_heads,
            rms_norm_eps=config.rms_norm_eps, vocab_size=config.vocab_size,
            num_key_value_heads=config.num_key_value_heads, rope_theta=models.field("llama.rope.freq_base"),
            tie_word_embeddings=True, max_position_embeddings=config.max_position_embeddings,
        )
    )
    model.load_weights([(name, mx.array(values)) for name, values in models.demo_weights().items()])
    model = load_adapters(model, os.path.join(work, "mlx"))
    model.eval()
    assert any(name.endswith("lora_a") for name, _ in tree_flatten(model.parameters()))
    rows = [np.array(model(mx.array([ids]))[0]).astype(np.float64) for ids in token_lists()]
    results.add("mlx-lm against PEFT", error(np.concatenate(rows), expected), CLOSE)


def main() -> int:
    (work,) = sys.argv[1:]

    def at(name: str) -> str:
        return os.path.join(work, name)

    results = Results(
        "export", "Exports of one artifact of the demo adapter, read and run by other programs", "torch", "transformers",
        "peft", "safetensors", "gguf", "xllamacpp", "mlx", "mlx-lm")
    updates = peft_updates(at("peft"))
    compare(results, "gguf-lora: update by gguf-py against PEFT's", gguf_updates(at("adapter.gguf")), updates, 1e-6)
    compare(results, "mlx: update against PEFT's", mlx_updates(at("mlx")), updates, 1e-6)
    compare(results, "kohya: update against PEFT's", kohya_updates(at("kohya.safetensors"), updates), updates, 1e-6)
    check_lora_xs(results, at("lora-xs"), updates)
    check_merged_gguf(results, at("merged-f32.gguf"), at("base-f32.gguf"), "F32", updates)
    check_merged_gguf(results, at("merged-f16.gguf"), at("base-f32.gguf"), "F16", updates)
    check_merged_gguf(results, at("merged-q8.gguf"), os.path.join(cases.ROOT, cases.DEMO_BASE), "Q8_0", updates)

    base = logits(models.demo_base(torch.float32))
    expected = logits(PeftModel.from_pretrained(models.demo_base(torch.float32), at("peft")).eval())
    results.add("base against PEFT", error(base, expected), 1e-2, above=True)
    results.add(
        "PEFT, another export", error(
            logits(PeftModel.from_pretrained(models.demo_base(torch.float32), at("other")).eval()), expected), CLOSE)
    for name in ("merged", "sharded"):
        model = AutoModelForCausalLM.from_pretrained(at(name), dtype=torch.float32)
        results.add(f"{name} by Transformers against PEFT", error(logits(model), expected), CLOSE)
    check_mlx(results, work, expected)
    check_llama_cpp(results, work, base, expected)
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
