"""Every export of small models, opened and run by the program that it is meant for.

    crosscheck_programs.py [XSPRESS]      LLAMA_CPP names a folder with llama.cpp's converters

A byte-level Llama of random weights, with a head of its own and with a tied one, and adapters that PEFT makes for it:
plain, of mixed ranks, with trained norms, embeddings, heads and tokens. Each is converted without loss (own directions,
F32) on the GGUF form of the base and exported to every target that holds it. The log-probabilities of the next token
after some prompts are compared with those of PEFT with the original adapter: by PEFT, Transformers, llama.cpp
(xllamacpp), llama.cpp's two converters, mlx-lm and LyCORIS. What a program cannot do is compared with what our page says
of it. Programs that are not installed are named in the record.

llama.cpp rounds activations to the type of the weights, in Q8_0 to eight bits, so that its answers on rounded weights say
little of a file. A merged GGUF file in F32 is compared with PEFT; one with rounded weights with gguf-py's rounding of the
former, to the bit, and with what the same llama.cpp answers on that.

The `lora-xs` target has directions of the base alone, so it is compared with the PEFT export of the same artifact, as
W + B R A by PyTorch: the reference code is no package. An eight-bit base is exported to `merged`, and compared with
Transformers on the weights that PyTorch decodes.
"""

import contextlib
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import gguf
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import load_file
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

import cases
from results import Results

SEED, VOCABULARY, HEADS, KEY_HEADS = 20261129, 288, 4, 2
PROMPTS = [[40], [73, 101, 200, 7], [5, 250, 33, 33, 90, 260, 12, 1], list(range(10, 40))]
# Same weights in Float32, other kernels.
CLOSE = 2e-4
# Same weights, rounded: the same program on the same numbers, whatever it does with them.
ROUNDED, SAME = ("f16", "bf16", "q8_0"), 1e-6
BLOCK = (16, 32)
TEXTS = ["Hello  world\n\n123 don't", "Äpfel, 漢字 🙂<|end|>the them", "\t a\r\nb  "]
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LLAMA_CPP = os.environ.get("LLAMA_CPP", "")


# --- Models and adapters ---------------------------------------------------------------------------------------


def make_tokenizer(folder: str) -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "a"), ("l", "l"), ("1", "2"), ("Ġ", "w")]
    tokens = alphabet + ["".join(pair) for pair in merges]
    tokens += [f"<|{index}|>" for index in range(VOCABULARY - len(tokens) - 1)] + ["<|end|>"]
    tokenizer = Tokenizer(tokenizer_models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in tokens[len(alphabet) + len(merges):]])
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    return tokenizer


def make_base(folder: str, tied: bool) -> None:
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS, max_position_embeddings=128, tie_word_embeddings=tied, rms_norm_eps=1e-5,
        bos_token_id=None, eos_token_id=VOCABULARY - 1, initializer_range=0.15))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "norm" in name:
                value.mul_(1 + 0.2 * torch.randn(value.shape))
    model.save_pretrained(folder)
    make_tokenizer(folder)


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def make_gguf(folder: str, path: str, repeats_head: bool = False) -> None:
    """The base as llama.cpp's converter writes it; with `repeats_head` as older ones did where the head is tied."""
    weights = load_file(os.path.join(folder, "model.safetensors"))
    if repeats_head:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(VOCABULARY)
    tokenizer = json.load(open(os.path.join(folder, "tokenizer.json")))
    vocabulary = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    special = {token["id"] for token in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3 if index in special else 1 for index in range(VOCABULARY)])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(VOCABULARY - 1)
    for name, values in weights.items():
        if "q_proj" in name:
            values = interleaved(values, HEADS)
        if "k_proj" in name:
            values = interleaved(values, KEY_HEADS)
        writer.add_tensor(names.get_name(name, (".weight",)), np.ascontiguousarray(values, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


ADAPTERS = {
    "plain": {"r": 4, "lora_alpha": 8, "target_modules": LINEAR},
    "mixed ranks": {
        "r": 4, "lora_alpha": 8, "target_modules": LINEAR, "rank_pattern": {"k_proj": 2, "down_proj": 6},
        "alpha_pattern": {"q_proj": 3, "down_proj": 5},
    },
    "norms": {"r": 4, "target_modules": LINEAR, "modules_to_save": ["norm", "input_layernorm"]},
    "factors of embeddings and head": {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "embed_tokens", "lm_head"]},
    "whole embeddings": {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
    "whole head": {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "tokens": {"r": 4, "target_modules": ["q_proj"], "trainable_token_indices": [7, 33, 200]},
}
# What a target has no place for, by the pages of formats/.
WHOLE = {"norms", "whole embeddings", "whole head", "tokens"}


def make_adapter(base: str, folder: str, options: dict) -> None:
    torch.manual_seed(SEED + 1)
    model = get_peft_model(load(base), LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path="org/tiny", **options))
    with torch.no_grad():
        for name, value in sorted(model.named_parameters()):
            if value.requires_grad and "lora_" in name:
                value.copy_(0.2 * torch.randn(value.shape))
            elif value.requires_grad:
                value.add_(0.2 * torch.randn(value.shape) * value.std().clamp(min=0.1))
    model.peft_config["default"].base_model_name_or_path = "org/tiny"
    model.save_pretrained(folder, save_embedding_layers=False)


# --- Programs --------------------------------------------------------------------------------------------------


def load(folder: str):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def by_torch(model) -> np.ndarray:
    with torch.no_grad():
        return np.stack([
            torch.log_softmax(model.eval()(torch.tensor([ids])).logits[0, -1].double(), -1).numpy() for ids in PROMPTS])


def by_llama_cpp(model: str, *adapter: str) -> np.ndarray | None:
    """Nil where llama.cpp refuses or aborts."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "llama_cpp_run.py")
    run = subprocess.run(
        [sys.executable, script, model, *adapter], capture_output=True, text=True, timeout=120,
        input=json.dumps({"prompts": PROMPTS, "tokens": VOCABULARY}))
    rows = [line for line in run.stdout.splitlines() if line.startswith("ROWS ")]
    return np.array(json.loads(rows[0][5:]), np.float64) if rows else None


def by_mlx(base: str, adapter: str) -> np.ndarray:
    import mlx.core as mx
    from mlx_lm.models import llama
    from mlx_lm.tuner.utils import load_adapters

    mx.set_default_device(mx.cpu)
    with open(os.path.join(base, "config.json")) as file:
        config = json.load(file)
    model = llama.Model(llama.ModelArgs.from_dict(config | {"rope_theta": 10000.0}))
    model.load_weights([(name, mx.array(v)) for name, v in load_file(os.path.join(base, "model.safetensors")).items()])
    model = load_adapters(model, adapter)
    model.eval()
    rows = [np.array(model(mx.array([ids]))[0, -1]).astype(np.float64) for ids in PROMPTS]
    return np.stack([row - np.logaddexp.reduce(row) for row in rows])


def by_lycoris(base: str, path: str) -> np.ndarray:
    import lycoris
    from lycoris.wrapper import LycorisNetwork

    # What kohya's scripts call the text encoder.
    LycorisNetwork.LORA_PREFIX = "lora_te"
    model = load(base)
    network, _ = lycoris.create_lycoris_from_weights(1.0, path, model)
    network.apply_to()
    network.eval()
    return by_torch(model)


def by_gguf_py(wide: str, ours: str, path: str) -> int:
    """Writes the Float32 file `wide` with the types of `ours`; how many tensors of `ours` are not the same to the bit."""
    before = gguf.GGUFReader(wide)
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(ours).tensors}
    writer = gguf.GGUFWriter(path, "llama")
    for key, field in before.fields.items():
        if not key.startswith("GGUF.") and key != "general.architecture":
            element = field.types[1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(key, field.contents(), field.types[0], sub_type=element)
    different = len(found) - len(before.tensors)
    for tensor in before.tensors:
        kind = found[tensor.name].tensor_type
        data = gguf.quants.quantize(np.array(tensor.data), kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
        different += data.tobytes() != found[tensor.name].data.tobytes()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return different


def types_of_changed(ours: str, base: str) -> set[str]:
    """Of the matrices that are not the base's; a head that becomes one of its own was the embeddings."""
    before = {tensor.name: tensor for tensor in gguf.GGUFReader(base).tensors}
    types = set()
    for new in gguf.GGUFReader(ours).tensors:
        old = before.get(new.name, before["token_embd.weight"])
        if len(new.shape) > 1 and not (old.tensor_type == new.tensor_type and np.array_equal(old.data, new.data)):
            types.add(new.tensor_type.name.lower())
    return types


def by_lora_xs(base: str, folder: str) -> np.ndarray:
    """The base with W + B R A, as the reference's merge script has it (lora_alpha is r)."""
    with open(os.path.join(folder, "ft", "adapter_config.json")) as file:
        config = json.load(file)
    assert config["r"] == config["lora_alpha"]
    found = load_file(os.path.join(folder, "ft", "adapter_model.safetensors"))
    model = load(base)
    suffix = ".lora_A.weight"
    for key in [key for key in found if key.endswith(suffix)]:
        module = key.removesuffix(suffix)
        update = found[f"{module}.lora_B.weight"] @ found[f"{module}_lora_latent_mapping.weight"] @ found[key]
        with torch.no_grad():
            model.get_submodule(module.removeprefix("base_model.model.")).weight.add_(torch.from_numpy(update))
    return by_torch(model)


def make_eight_bit(plain: str, folder: str, decoded: str) -> None:
    """`plain` with block-scaled E4M3 matrices, as DeepSeek-V3 stores them, and with the values that PyTorch gives them."""
    for path in (folder, decoded):
        shutil.copytree(plain, path)
    stored, values = {}, {}
    for name, weight in load_file(os.path.join(plain, "model.safetensors")).items():
        weight = torch.from_numpy(weight)
        if not any(module in name for module in LINEAR):
            stored[name] = values[name] = weight
            continue
        rows, columns = weight.shape
        blocks = weight.reshape(rows // BLOCK[0], BLOCK[0], columns // BLOCK[1], BLOCK[1])
        scales = blocks.abs().amax((1, 3)) / 448
        wide = scales.repeat_interleave(BLOCK[0], 0).repeat_interleave(BLOCK[1], 1)
        stored[name] = (weight / wide).to(torch.float8_e4m3fn)
        stored[f"{name}_scale_inv"] = scales
        values[name] = stored[name].to(torch.float32) * wide
    save_file(stored, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    save_file(values, os.path.join(decoded, "model.safetensors"), {"format": "pt"})
    path = os.path.join(folder, "config.json")
    with open(path) as file:
        config = json.load(file)
    config["quantization_config"] = {
        "quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": list(BLOCK)}
    with open(path, "w") as file:
        json.dump(config, file)


def convert(script: str, *arguments: str) -> None:
    """One of llama.cpp's converters, which knows tokenizers by a digest: that of a random one has to be told."""
    code = (
        f"import sys; sys.path.insert(0, {LLAMA_CPP!r}); sys.argv = ['{script}', *{list(arguments)!r}]\n"
        "import conversion.base as base\n"
        "base.TextModel.get_vocab_base_pre = lambda self, tokenizer: 'smollm'\n"
        f"import {script}; {script}.main()\n" if script == "convert_hf_to_gguf" else
        f"import sys, runpy; sys.argv = ['{script}.py', *{list(arguments)!r}]\n"
        f"sys.path.insert(0, {LLAMA_CPP!r}); runpy.run_path({LLAMA_CPP!r} + '/{script}.py', run_name='__main__')\n")
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def is_installed(*names: str) -> bool:
    with contextlib.suppress(ImportError):
        for name in names:
            __import__(name)
        return True
    return False


# --- The checks ------------------------------------------------------------------------------------------------


class Checks:
    def __init__(self, tool: str, folder: str, results: Results):
        self.tool, self.folder, self.results = tool, folder, results
        self.has_mlx = is_installed("mlx.core", "mlx_lm.tuner.utils")
        self.has_lycoris = is_installed("lycoris.wrapper")
        self.has_llama_cpp = is_installed("xllamacpp")
        for present, name in ((self.has_mlx, "mlx-lm"), (self.has_lycoris, "LyCORIS"), (self.has_llama_cpp, "llama.cpp")):
            if not present:
                results.skip(name, "not installed")
        if LLAMA_CPP:
            # The package that they came with is two folders up.
            parts = os.path.abspath(LLAMA_CPP).split(os.sep)
            results.versions["llama.cpp's converters"] = parts[-3] if parts[-2:] == ["vendor", "llama.cpp"] else "unknown"
        else:
            results.skip("llama.cpp's converters", "LLAMA_CPP is not set")

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"XDG_CACHE_HOME": self.folder}
        return subprocess.run([self.tool, *arguments], env=environment, capture_output=True, text=True)

    def export(self, artifact: str, base: str, target: str, output: str, *extra: str) -> str | None:
        path = os.path.join(self.folder, output)
        run = self.run("export", artifact, "--base", base, "--to", target, "-o", path, "--force", *extra)
        if run.returncode == 69:
            return None
        assert run.returncode == 0, run.stderr
        return path

    def compare(self, name: str, found: np.ndarray | None, wanted: np.ndarray, limit: float = CLOSE) -> None:
        error = float("inf") if found is None else float(np.abs(found - wanted).max())
        self.results.add(name, min(error, 1e9), limit)

    def base(self, form: str, folder: str, path: str) -> None:
        plain = by_torch(load(folder))
        if self.has_llama_cpp:
            self.compare(f"{form}: base by llama.cpp against Transformers", by_llama_cpp(path), plain)
        for name, options in ADAPTERS.items():
            tied_head = form != "untied" and name in ("factors of embeddings and head", "whole head")
            options = copy.deepcopy(options)
            if tied_head and "lm_head" in options["target_modules"]:
                options["target_modules"].remove("lm_head")
            adapter = os.path.join(self.folder, "adapter")
            shutil.rmtree(adapter, ignore_errors=True)
            make_adapter(folder, adapter, options)
            wanted = by_torch(PeftModel.from_pretrained(load(folder), adapter))
            self.results.add(
                f"{form}, {name}: adapter against base", float(np.abs(wanted - plain).max()), 0.05, above=True)
            artifact = os.path.join(self.folder, "a.loraxs")
            run = self.run("convert", "--base", path, "--adapter", adapter, "--directions", "own", "--store", "f32",
                           "-o", artifact)
            assert run.returncode == 0, run.stderr
            self.adapter(f"{form}, {name}", name, folder, path, artifact, wanted)
            if name == "plain":
                self.lora_xs(form, folder, path, adapter, plain)

    def rounded(self, label: str, name: str, path: str, artifact: str, wide: str) -> None:
        for kind in ROUNDED:
            if kind != "q8_0" and name not in ("plain", "norms"):
                continue
            file = self.export(artifact, path, "merged-gguf", f"{kind}.gguf", "--dtype", kind)
            assert types_of_changed(file, path) == {kind}, (label, kind, types_of_changed(file, path))
            reference = os.path.join(self.folder, "reference.gguf")
            self.results.add(
                f"{label}: tensors of merged-gguf {kind} unlike gguf-py's rounding of merged-gguf f32",
                by_gguf_py(wide, file, reference), 0)
            self.compare(
                f"{label}: merged-gguf {kind} by llama.cpp against gguf-py's rounding by llama.cpp",
                by_llama_cpp(file), by_llama_cpp(reference), SAME)

    def lora_xs(self, form: str, folder: str, path: str, adapter: str, plain: np.ndarray) -> None:
        artifact = os.path.join(self.folder, "directions.loraxs")
        run = self.run("convert", "--base", path, "--adapter", adapter, "--rank", "16", "--store", "f32", "-o", artifact)
        assert run.returncode == 0, run.stderr
        peft = self.export(artifact, path, "peft", "peft")
        wanted = by_torch(PeftModel.from_pretrained(load(folder), peft))
        found = by_lora_xs(folder, self.export(artifact, path, "lora-xs", "lora-xs"))
        self.results.add(f"{form}, directions of the base: peft against base", float(np.abs(wanted - plain).max()), 0.05, above=True)
        self.compare(f"{form}, directions of the base: lora-xs by PyTorch against peft by PEFT", found, wanted)

    def eight_bit(self, plain: str) -> None:
        folder, decoded = (os.path.join(self.folder, name) for name in ("base-fp8", "base-decoded"))
        make_eight_bit(plain, folder, decoded)
        adapter, artifact = (os.path.join(self.folder, name) for name in ("adapter-fp8", "fp8.loraxs"))
        make_adapter(decoded, adapter, ADAPTERS["plain"])
        before, wanted = by_torch(load(decoded)), by_torch(PeftModel.from_pretrained(load(decoded), adapter))
        run = self.run("convert", "--base", folder, "--adapter", adapter, "--directions", "own", "--store", "f32",
                       "-o", artifact)
        assert run.returncode == 0, run.stderr
        self.results.add("eight-bit base: adapter against base", float(np.abs(wanted - before).max()), 0.05, above=True)
        peft = self.export(artifact, folder, "peft", "peft")
        self.compare("eight-bit base: peft by PEFT", by_torch(PeftModel.from_pretrained(load(decoded), peft)), wanted)
        merged = self.export(artifact, folder, "merged", "merged", "--dtype", "f32")
        with open(os.path.join(merged, "config.json")) as file:
            assert "quantization_config" not in json.load(file)
        self.compare("eight-bit base: merged by Transformers", by_torch(load(merged)), wanted)

    def adapter(self, label: str, name: str, folder: str, path: str, artifact: str, wanted: np.ndarray) -> None:
        peft = self.export(artifact, path, "peft", "peft")
        self.compare(f"{label}: peft by PEFT", by_torch(PeftModel.from_pretrained(load(folder), peft)), wanted)
        with open(os.path.join(peft, "adapter_config.json")) as file:
            assert json.load(file)["base_model_name_or_path"] == "org/tiny"
        merged = self.export(artifact, path, "merged", "merged")
        self.compare(f"{label}: merged by Transformers", by_torch(load(merged)), wanted)
        self.tokenizer(label, folder, merged)
        if LLAMA_CPP and self.has_llama_cpp and name in ("plain", "norms", "whole head"):
            converted = os.path.join(self.folder, "converted.gguf")
            convert("convert_hf_to_gguf", merged, "--outfile", converted, "--outtype", "f32")
            self.compare(f"{label}: merged by convert_hf_to_gguf and llama.cpp", by_llama_cpp(converted), wanted)
        if self.has_llama_cpp:
            wide = self.export(artifact, path, "merged-gguf", "f32.gguf", "--dtype", "f32")
            self.compare(f"{label}: merged-gguf f32 by llama.cpp", by_llama_cpp(wide), wanted)
            self.rounded(label, name, path, artifact, wide)
            lora = self.export(artifact, path, "gguf-lora", "lora.gguf")
            holds = name not in WHOLE and ("factors" not in name or not label.startswith("tied"))
            assert (lora is not None) == holds or label.startswith("tied, head stored"), label
            if lora:
                self.compare(f"{label}: gguf-lora by llama.cpp", by_llama_cpp(path, lora), wanted)
            if LLAMA_CPP and name in ("plain", "mixed ranks"):
                converted = os.path.join(self.folder, "lora-converted.gguf")
                convert("convert_lora_to_gguf", peft, "--base", folder, "--outfile", converted, "--outtype", "f32")
                self.compare(f"{label}: peft by convert_lora_to_gguf and llama.cpp", by_llama_cpp(path, converted), wanted)
        if self.has_mlx and (mlx := self.export(artifact, path, "mlx", "mlx")):
            self.compare(f"{label}: mlx by mlx-lm", by_mlx(folder, mlx), wanted)
        if self.has_lycoris and (kohya := self.export(artifact, path, "kohya", "kohya.safetensors")):
            self.compare(f"{label}: kohya by LyCORIS", by_lycoris(folder, kohya), wanted)

    def tokenizer(self, label: str, folder: str, merged: str) -> None:
        first = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        second, third = Tokenizer.from_file(os.path.join(merged, "tokenizer.json")), AutoTokenizer.from_pretrained(merged)
        different = sum(
            first.encode(text).ids != second.encode(text).ids or first.encode(text).ids != third(text)["input_ids"]
            for text in TEXTS)
        self.results.add(f"{label}: texts that the written tokenizer encodes otherwise", different, 0)


def main() -> int:
    warnings.simplefilter("ignore")
    transformers.utils.logging.disable_progress_bar()
    tool = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(cases.ROOT, ".build", "release", "xspress")
    results = Results(
        "programs", "Every export of small models, run by the program that it is meant for", "torch", "transformers", "peft",
        "tokenizers", "gguf", "xllamacpp", "mlx", "mlx-lm", "lycoris-lora")
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(tool, folder, results)
        for form, tied, repeats in (("untied", False, False), ("tied", True, False), ("tied, head stored", True, True)):
            base = os.path.join(folder, "base-" + ("tied" if tied else "untied"))
            make_base(base, tied)
            path = os.path.join(folder, "base.gguf")
            make_gguf(base, path, repeats)
            if form == "untied":
                checks.eight_bit(base)
            checks.base(form, base, path)
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
