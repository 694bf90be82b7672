"""Tiny random models of every decoder family, by Transformers' own classes, with their logits, losses and gradients.

    make_families.py [--expected] [FAMILY ...]      with --expected models stay as they are

Each folder of golden/models/ gets config.json and model.safetensors as the class writes them, model.gguf as llama.cpp's
own converter writes it from these (of the weights nothing is rounded: they are bfloat16 numbers), and case.json with
expected.safetensors. Models run in Float64 from end to end, also where their code rounds to Float32 (float64.py). The converter
comes with the source of llama-cpp-python (Makefile); LLAMA_CPP names its folder. Where xllamacpp is installed, llama.cpp's
log-probabilities for the same model in Float32 are compared and the largest difference is kept.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import save_file as save_torch
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models

import cases
from float64 import float64
from seeded import SeededGenerator

SEED, RANK, VOCABULARY = 20261130, 2, 288
# What Float32 costs is up to a tenth of them (golden/models/README.md); second moments keep rows in BF16.
TOLERANCES = {"logits": 1e-5, "loss": 1e-5, "gradient": 1e-4, "moments": 1e-2}
PRECISION = "float64 from end to end, stored as float64"
LLAMA_CPP = os.environ.get("LLAMA_CPP", "")
# The order of modules in every file of this project: these, then others by name (formats/loraxs.md §4.1).
KINDS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "bos_token_id": 286, "eos_token_id": 287, "pad_token_id": None,
}
GEMMA = COMMON | {"head_dim": 16, "bos_token_id": 286, "eos_token_id": 287, "pad_token_id": 0}
MULTI = {key: COMMON[key] for key in COMMON if key != "num_key_value_heads"}
FALCON = {key: COMMON[key] for key in COMMON if key not in ("num_key_value_heads", "intermediate_size")}
FACTORS = {"short_factor": [1.0, 1.5, 2.0], "long_factor": [2.0, 3.0, 5.0]}

FAMILIES = {
    "llama": ("LlamaForCausalLM", COMMON),
    "mistral": ("MistralForCausalLM", COMMON | {"sliding_window": 6}),
    "qwen2": ("Qwen2ForCausalLM", COMMON | {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3ForCausalLM", COMMON | {"head_dim": 12}),
    "smollm3": ("SmolLM3ForCausalLM", COMMON | {"num_hidden_layers": 4, "rope_theta": 2e6}),
    "granite": ("GraniteForCausalLM", COMMON | {
        "embedding_multiplier": 3.0, "attention_multiplier": 0.25, "residual_multiplier": 0.5,
        "logits_scaling": 2.0}),
    "olmo2": ("Olmo2ForCausalLM", COMMON),
    "gemma": ("GemmaForCausalLM", GEMMA),
    "gemma2": ("Gemma2ForCausalLM", GEMMA | {
        "query_pre_attn_scalar": 16, "sliding_window": 6, "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 8.0}),
    "gemma3": ("Gemma3ForCausalLM", GEMMA | {
        "num_hidden_layers": 7, "intermediate_size": 32, "query_pre_attn_scalar": 16, "sliding_window": 6}),
    "phi3": ("Phi3ForCausalLM", COMMON | {
        # llama.cpp takes the long factors for any context above the original one, of which it has at least 256.
        "max_position_embeddings": 1024, "original_max_position_embeddings": 512, "partial_rotary_factor": 0.75,
        "rope_theta": 10000.0,
        "rope_scaling": {"rope_type": "longrope"} | FACTORS}),
    "gpt2": ("GPT2LMHeadModel", {
        "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "n_ctx": 128,
        "n_inner": None, "bos_token_id": 286, "eos_token_id": 287}),
    "gptneox": ("GPTNeoXForCausalLM", MULTI | {"rotary_pct": 0.5, "hidden_act": "gelu"}),
    "phi2": ("PhiForCausalLM", COMMON | {
        "num_key_value_heads": 4, "intermediate_size": 128, "partial_rotary_factor": 0.5}),
    "starcoder2": ("Starcoder2ForCausalLM", COMMON),
    "stablelm": ("StableLmForCausalLM", COMMON | {
        "use_qkv_bias": True, "use_parallel_residual": True, "partial_rotary_factor": 0.5}),
    # A second model of a family is named FAMILY-WHAT.
    "stablelm-norms": ("StableLmForCausalLM", COMMON | {
        "qk_layernorm": True, "use_parallel_residual": True, "partial_rotary_factor": 0.5}),
    "falcon": ("FalconForCausalLM", FALCON | {"num_kv_heads": 1}),
    "falcon-groups": ("FalconForCausalLM", FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2}),
    "qwen2moe": ("Qwen2MoeForCausalLM", COMMON | {
        "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 24}),
    "qwen3moe": ("Qwen3MoeForCausalLM", COMMON | {
        "head_dim": 12, "num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 16,
        "norm_topk_prob": True}),
    "qwen2moe-dense": ("Qwen2MoeForCausalLM", COMMON | {
        "num_hidden_layers": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 24, "decoder_sparse_step": 2, "mlp_only_layers": [1]}),
    "qwen3moe-dense": ("Qwen3MoeForCausalLM", COMMON | {
        "head_dim": 12, "num_experts": 6, "num_experts_per_tok": 4, "moe_intermediate_size": 16,
        "norm_topk_prob": True, "mlp_only_layers": [0]}),
    "mixtral": ("MixtralForCausalLM", COMMON | {"intermediate_size": 16, "num_local_experts": 4}),
}
# What llama.cpp has no word for: Mistral's window, and blocks without experts among others.
WITHOUT_FILE = ("mistral", "qwen2moe-dense", "qwen3moe-dense")
# Keys of published files that this version of the library no longer writes and the converter needs.
# What an expert's linear modules are called in files, and the module around them, where the class calls it otherwise.
EXPERTS = {"mixtral": ("block_sparse_moe", ("w1", "w3", "w2"))}
# Saved as the class holds it, with one tensor for all experts of a block.
STACKED = ("qwen2moe-dense",)
PUBLISHED = {"gptneox": {"rotary_pct": 0.5, "rotary_emb_base": 10000}}


def fill(model, seed: int) -> None:
    """Random weights of a size at which every part matters, all bfloat16 numbers."""
    generator = torch.Generator().manual_seed(seed)
    shifted = type(model).__name__.startswith("Gemma")
    for name, value in sorted(model.named_parameters()):
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        if value.dim() == 1:
            # Norms around one, or around zero where one is added; biases of everything else. Steps of 1/64: adding
            # one and taking it away again loses nothing.
            is_norm = ("norm" in name or ".ln_" in name) and name.endswith("weight")
            noise = torch.round(noise * 16) / 64
            noise += 1 if is_norm and not shifted else 0
        elif "embed" in name or "wte" in name or "wpe" in name:
            noise *= 0.5
        else:
            noise *= 0.9 / value.shape[0 if "c_" in name and "transformer.h" in name else -1] ** 0.5
        value.data = noise.to(torch.bfloat16).to(torch.float64)


class Experts(torch.nn.ModuleList):
    """The experts that a class stacks, each with linear modules of its own as its files have them."""

    def __init__(self, stacked, names):
        super().__init__()
        self.names, self.activation = names, stacked.act_fn.forward
        for wide, down in zip(stacked.gate_up_proj, stacked.down_proj):
            expert = torch.nn.Module()
            for name, weight in zip(names, (*wide.chunk(2), down)):
                linear = torch.nn.Linear(*reversed(weight.shape), bias=False, dtype=weight.dtype)
                linear.weight = torch.nn.Parameter(weight.clone(), requires_grad=False)
                expert.add_module(name, linear)
            self.append(expert)

    def forward(self, hidden, experts, weights):
        result = torch.zeros_like(hidden)
        for number, expert in enumerate(self):
            gate, up, down = (expert.get_submodule(name) for name in self.names)
            token, place = torch.where(experts == number)
            x = hidden[token]
            y = down(self.activation(gate(x)) * up(x)) * weights[token, place, None]
            result = result.index_add(0, token, y)
        return result


def unstack(model, name: str) -> float:
    """Gives every expert linear modules; tokens times experts for those that go there, 1 where there are none."""
    share = 1.0
    _, names = EXPERTS.get(name, ("mlp", ("gate_proj", "up_proj", "down_proj")))
    for layer in model.model.layers if hasattr(model, "model") and hasattr(model.model, "layers") else []:
        if hasattr(getattr(layer, "mlp", None), "experts"):
            share = layer.mlp.gate.num_experts / layer.mlp.gate.top_k
            layer.mlp.experts = Experts(layer.mlp.experts, names)
    return share


def file_name(name: str, family: str) -> str:
    return name.replace(".mlp.", f".{EXPERTS[family][0]}.") if family in EXPERTS else name


def modules(model) -> list[str]:
    kinds = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    names = [name for name, module in model.named_modules() if isinstance(module, kinds) and any(
        part.isdecimal() for part in name.split(".")) and not name.endswith("shared_expert_gate")]

    def order(name: str):
        last = name.split(".")[-1]
        layer = next(int(part) for part in name.split(".") if part.isdecimal())
        return layer, KINDS.index(last) if last in KINDS else len(KINDS), name.encode()

    return sorted(names, key=order)


def draw(stream: int, count: int) -> list[int]:
    return [int(u * VOCABULARY) for u in SeededGenerator(SEED, stream).uniforms(count)]


class Update:
    """O·M·Iᵀ beside a module, by factors that the tests draw too; keeps inputs and gradients of outputs."""

    def __init__(self, index: int, module):
        weight = module.weight
        outs, ins = weight.shape if isinstance(module, torch.nn.Linear) else weight.T.shape
        generator = SeededGenerator(SEED, 100 + index)
        def factor(rows, columns, scale):
            return torch.from_numpy((generator.matrix(rows, columns) * scale).astype(np.float32)).double()
        self.output = factor(outs, RANK, outs**-0.5)
        self.core = factor(RANK, RANK, 1).requires_grad_(True)
        self.input = factor(ins, RANK, ins**-0.5)
        # For one number of each matrix of second moments.
        self.probes = factor(ins, 1, ins**-0.5)[:, 0], factor(outs, 1, outs**-0.5)[:, 0]
        self.rows, self.gradients = [], []
        module.register_forward_hook(self.hook)

    def hook(self, module, arguments, result):
        x = arguments[0]
        result = result + x @ self.input @ self.core.T @ self.output.T
        if result.requires_grad:
            self.rows.append(x.detach().flatten(0, -2))
            result.register_hook(lambda gradient: self.gradients.append(gradient.flatten(0, -2)))
        return result

    def moments(self, count: int, share: float = 1) -> list[float]:
        x, g = torch.cat(self.rows), torch.cat(self.gradients)
        return [
            float(((x @ self.probes[0]) ** 2).sum()) / count * share,
            float(((g @ self.probes[1]) ** 2).sum()) / count]


def make_tokenizer(folder: str) -> list[str]:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    # One merge, which llama.cpp wants.
    pieces = alphabet + ["Ġt"]
    tokens = pieces + [f"<|{index}|>" for index in range(VOCABULARY - len(pieces))]
    tokenizer = Tokenizer(tokenizer_models.BPE({t: i for i, t in enumerate(pieces)}, [("Ġ", "t")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in tokens[len(pieces):]])
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    data = json.load(open(os.path.join(folder, "tokenizer.json")))
    data["model"]["vocab"] = {t: i for i, t in enumerate(pieces)}
    json.dump(data, open(os.path.join(folder, "tokenizer.json"), "w"))
    return tokens


# Runs in a process of its own: the converter with a byte-level vocabulary for every class.
CONVERTER = """
import json, sys
sys.path.insert(0, {llama_cpp!r})
import conversion.base as base
import conversion
conversion.load_all_models()
tokens = json.load(open({tokens!r}))
def set_vocab(self):
    writer = self.gguf_writer
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges(["Ġ t"])
    writer.add_bos_token_id(286)
    writer.add_eos_token_id(287)
    writer.add_add_bos_token(False)
def patch(kind):
    kind.set_vocab = set_vocab
    for child in kind.__subclasses__(): patch(child)
patch(base.TextModel)
# The library's configuration drops keys of published files that the converter asks for.
load = base.ModelBase.load_hparams
def load_hparams(folder, *rest, **more):
    return json.load(open(str(folder) + "/config.json")) | load(folder, *rest, **more)
base.ModelBase.load_hparams = staticmethod(load_hparams)
# The converter returns StableLM's norms of heads from a generator, where they are lost.
from conversion.stablelm import StableLMModel
plain = StableLMModel.modify_tensors
def modify_tensors(self, *arguments):
    rest = yield from plain(self, *arguments)
    yield from rest or ()
StableLMModel.modify_tensors = modify_tensors
sys.argv = ["convert_hf_to_gguf.py", {folder!r}, "--outfile", {target!r}, "--outtype", {type!r}]
import convert_hf_to_gguf
convert_hf_to_gguf.main()
"""


def convert(folder: str, target: str, kind: str) -> None:
    with tempfile.TemporaryDirectory() as work:
        copy = os.path.join(work, "model")
        os.makedirs(copy)
        for name in ("config.json", "model.safetensors"):
            shutil.copy(os.path.join(folder, name), copy)
        tokens = os.path.join(work, "tokens.json")
        with open(tokens, "w") as file:
            json.dump(make_tokenizer(copy), file)
        code = CONVERTER.format(llama_cpp=LLAMA_CPP, tokens=tokens, folder=copy, target=target, type=kind)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def llama_cpp_error(folder: str, model, ids: list[int]) -> float | None:
    """The largest difference of log-probabilities of the token after `ids`, llama.cpp's Float32 against this."""
    with tempfile.TemporaryDirectory() as work:
        target = os.path.join(work, "model.gguf")
        convert(folder, target, "f32")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "llama_cpp_run.py")
        request = json.dumps({"prompts": [ids], "tokens": VOCABULARY})
        found = subprocess.run([sys.executable, script, target], input=request, capture_output=True, text=True)
    rows = [line for line in found.stdout.splitlines() if line.startswith("ROWS ")]
    if not rows:
        print(found.stderr[-600:], file=sys.stderr)
        return None
    row = json.loads(rows[0][5:])[0]
    with float64():
        expected = torch.log_softmax(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1], dim=-1)
    pairs = [(a, float(b)) for a, b in zip(row, expected) if a is not None]
    return max(abs(a - b) for a, b in pairs) if len(pairs) > VOCABULARY // 2 else None


def stored(class_name: str, settings: dict, folder: str, fill):
    """A model of the class in Float64 with the weights of `fill`, as `folder` has it in bfloat16."""
    kind = getattr(transformers, class_name)
    with float64():
        model = kind._from_config(kind.config_class(**settings), attn_implementation="eager", dtype=torch.float64)
    if hasattr(model, "set_experts_implementation"):
        # The others have no Float64.
        model.set_experts_implementation("eager")
    fill(model, SEED)
    model.tie_weights()
    model.eval().requires_grad_(False)
    stored = kind._from_config(model.config, attn_implementation="eager").to(torch.bfloat16)
    stored.load_state_dict(model.state_dict())
    stored.save_pretrained(folder)
    if os.path.exists(os.path.join(folder, "generation_config.json")):
        os.remove(os.path.join(folder, "generation_config.json"))
    return model


def make(name: str) -> None:
    class_name, settings = FAMILIES[name]
    folder = os.path.join(cases.output, "models", name)
    os.makedirs(folder, exist_ok=True)
    model = stored(class_name, settings, folder, fill)
    if name in PUBLISHED:
        path = os.path.join(folder, "config.json")
        with open(path) as file:
            config = json.load(file)
        with open(path, "w") as file:
            json.dump(config | PUBLISHED[name], file, indent=2, sort_keys=True)
            file.write("\n")
    if name in STACKED:
        save_torch({key: value.to(torch.bfloat16).contiguous() for key, value in model.state_dict().items()},
                   os.path.join(folder, "model.safetensors"), {"format": "pt"})
    weights = load_file_bfloat16(folder)
    if name not in WITHOUT_FILE:
        convert(folder, os.path.join(folder, "model.gguf"), "bf16")

    prompt = draw(2, 40)
    examples = [{"prompt": draw(3, 20), "completion": draw(4, 3)}, {"prompt": draw(5, 9), "completion": draw(6, 2)}]
    error = llama_cpp_error(folder, model, prompt) if LLAMA_CPP and name not in WITHOUT_FILE else None
    with torch.no_grad(), float64():
        stacked = model(input_ids=torch.tensor([prompt]), use_cache=False).logits
        share = unstack(model, name)
        assert torch.equal(stacked, model(input_ids=torch.tensor([prompt]), use_cache=False).logits)
    names = modules(model)
    updates = [Update(index, model.get_submodule(name)) for index, name in enumerate(names)]
    positions = [0, 5, 6, 20, 31, 39]
    with torch.no_grad(), float64():
        logits = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0]
    total, count, tokens = 0.0, sum(len(example["completion"]) for example in examples), 0
    with float64():
        for example in examples:
            ids = example["prompt"] + example["completion"]
            # As the program packs them: the last token is only predicted.
            rows = model(input_ids=torch.tensor([ids[:-1]]), use_cache=False).logits[0]
            tokens += len(ids) - 1
            rows = torch.log_softmax(rows[len(example["prompt"]) - 1 :], dim=-1)
            total = total - rows[range(len(rows)), example["completion"]].sum() / count
        total.backward()
    tensors = {
        "logits": logits[positions].numpy(), "loss": np.array([float(total.detach())]),
        "gradient": np.stack([update.core.grad.numpy() for update in updates]),
        # The inputs of an expert are weighted as if tokens went to all experts alike (formats/tuning.md).
        "moments": np.array([
            update.moments(tokens, share if ".experts." in name else 1) for update, name in zip(updates, names)]),
    }
    cases.write_case(
        "models", name, kind="model", title=class_name + ("" if name in WITHOUT_FILE else ", both forms"),
        generator="make_families.py", uses=("torch", "transformers", "safetensors", "gguf", "xllamacpp"),
        inputs=cases.model_inputs(name), seed=SEED,
        parameters={
            "modules": [file_name(module, name) for module in names], "prompt": prompt, "positions": positions,
            "examples": examples,
        },
        # Where experts see few tokens, the rounding of their rows to BF16 averages less.
        tolerances=TOLERANCES | ({"moments": 2e-2} if share > 1 else {}),
        expected={"llamaCppError": error}, tensors=tensors, precision=PRECISION)
    sizes = {entry: os.path.getsize(os.path.join(folder, entry)) for entry in sorted(os.listdir(folder))}
    print(name, "loss", float(total.detach()), "llama.cpp", error, sum(sizes.values()), len(weights))


def load_file_bfloat16(folder: str) -> list[str]:
    from safetensors import safe_open
    with safe_open(os.path.join(folder, "model.safetensors"), "pt") as file:
        return list(file.keys())


def main() -> None:
    torch.set_num_threads(1)
    cases.run_models(make, FAMILIES, ("case.json", "expected.safetensors"))


if __name__ == "__main__":
    main()
