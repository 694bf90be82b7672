"""Small adapters for golden/tiny/model in every dialect, and the updates that they make.

    make_adapters.py      writes golden/adapters_dialects/

PEFT writes and answers for its own (`get_delta_weight` of the adapter loaded again, or the change of a module's
output where PEFT has no such function); torch.save writes the .bin; gguf-py writes the GGUF. MLX, kohya, diffusers
and LoRA-XS files are written by safetensors in the layouts that formats/adapters.md cites, and their answers are
computed by PyTorch in float64 from each dialect's own formula. `expected.safetensors` holds one weight change
[out, in] a module, under `CASE/MODULE`.
"""

import hashlib
import json
import os
import shutil

import gguf
import numpy as np
import torch
from peft import AdaLoraConfig, LoHaConfig, LoKrConfig, LoraConfig, PeftModel, TinyLoraConfig, VeraConfig, get_peft_model
from safetensors.torch import load_file, save_file

import cases
import make_tiny

SEED = 20261124
LAYER = "model.layers.{}.self_attn.{}"
QUERY, KEY = LAYER.format(0, "q_proj"), LAYER.format(0, "k_proj")
VALUE, OUTPUT = LAYER.format(1, "v_proj"), LAYER.format(1, "o_proj")
DOWN = "model.layers.1.mlp.down_proj"
SHAPES = {QUERY: (32, 32), KEY: (16, 32), VALUE: (16, 32), OUTPUT: (32, 32), DOWN: (32, 48)}
HEAD = 8

expected: dict[str, torch.Tensor] = {}
generator = torch.Generator().manual_seed(SEED)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator) * 0.3


def folder(case: str) -> str:
    path = os.path.join(cases.output, "adapters_dialects", case)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def answer(case: str, module: str, delta: torch.Tensor) -> None:
    assert tuple(delta.shape) == SHAPES[module], (case, module, delta.shape)
    expected[f"{case}/{module}"] = delta.detach().to(torch.float32).contiguous()


def write_json(path: str, value) -> None:
    with open(path, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


# PEFT


def randomize(model) -> None:
    with torch.no_grad():
        for name, value in sorted(model.named_parameters()):
            if value.requires_grad:
                value.copy_(normal(*value.shape))


def peft_module(model, module: str):
    return model.base_model.model.get_submodule(module)


def save_peft(case: str, model) -> str:
    path = folder(case)
    model.save_pretrained(path)
    os.remove(os.path.join(path, "README.md"))
    return path


def reload(path: str):
    return PeftModel.from_pretrained(make_tiny.base(torch.float32), path)


def answers_of_peft(case: str, path: str, modules: list[str]) -> None:
    model = reload(path)
    for module in modules:
        answer(case, module, peft_module(model, module).get_delta_weight("default"))


def targets(modules: list[str]) -> str:
    return "|".join(module.replace(".", r"\.") for module in modules)


def make_pissa() -> None:
    """PiSSA, saved converted: the factors doubled, the initial ones subtracted, for the unchanged base."""
    modules = [QUERY, DOWN]
    config = LoraConfig(r=2, lora_alpha=3, init_lora_weights="pissa", target_modules=targets(modules))
    model = get_peft_model(make_tiny.base(torch.float32), config)
    initial = folder("pissa-initial")
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(initial)
    model.peft_config["default"].init_lora_weights = "pissa"
    randomize(model)
    path = folder("pissa-converted")
    model.save_pretrained(path, path_initial_model_for_weight_conversion=initial)
    os.remove(os.path.join(path, "README.md"))
    shutil.rmtree(initial)
    answers_of_peft("pissa-converted", path, modules)


def make_adalora() -> None:
    """One module pruned by its mask, one whole."""
    modules = [QUERY, DOWN]
    config = AdaLoraConfig(
        init_r=4, target_r=2, lora_alpha=6, total_step=10, tinit=1, tfinal=1, target_modules=targets(modules)
    )
    model = get_peft_model(make_tiny.base(torch.float32), config)
    randomize(model)
    model.peft_config["default"].rank_pattern = {
        f"{QUERY}.lora_E": [True, False, True, False], f"{DOWN}.lora_E": [True] * 4,
    }
    path = save_peft("adalora", model)
    answers_of_peft("adalora", path, modules)


def make_qalora() -> None:
    """PEFT does not merge QALoRA: the answer is what the module adds for every unit vector."""
    modules = [QUERY, DOWN]
    config = LoraConfig(r=3, lora_alpha=5, use_qalora=True, qalora_group_size=8, target_modules=targets(modules))
    from peft.tuners.lora.variants import QALoraLinearVariant

    model = get_peft_model(make_tiny.base(torch.float32), config_without_qalora(config))
    for module in modules:
        layer = peft_module(model, module)
        QALoraLinearVariant.init(layer, "default", config)
    randomize_qalora(model, modules)
    model.peft_config["default"] = config
    save_peft("qalora", model)
    for module in modules:
        layer = peft_module(model, module).eval()
        unit = torch.eye(SHAPES[module][1])
        zero = torch.zeros(SHAPES[module][1], SHAPES[module][0])
        answer("qalora", module, QALoraLinearVariant.forward(layer, "default", unit, zero).T)


def config_without_qalora(config: LoraConfig) -> LoraConfig:
    return LoraConfig(r=config.r, lora_alpha=config.lora_alpha, target_modules=config.target_modules)


def randomize_qalora(model, modules: list[str]) -> None:
    with torch.no_grad():
        for module in modules:
            layer = peft_module(model, module)
            for factors in (layer.lora_A, layer.lora_B):
                factors["default"].weight.copy_(normal(*factors["default"].weight.shape))


def make_bin() -> None:
    """adapter_model.bin as torch.save writes it: half precision, bfloat16, a transposed view, a shared storage."""
    modules = [QUERY, DOWN, VALUE]
    config = LoraConfig(r=2, lora_alpha=4, target_modules=targets(modules))
    model = get_peft_model(make_tiny.base(torch.float32), config)
    randomize(model)
    path = save_peft("bin", model)
    state = load_file(os.path.join(path, "adapter_model.safetensors"))
    os.remove(os.path.join(path, "adapter_model.safetensors"))
    prefix = "base_model.model."
    key = f"{prefix}{QUERY}.lora_A.weight"
    state[key] = state[key].to(torch.float16).T.contiguous().T
    key = f"{prefix}{DOWN}.lora_B.weight"
    state[key] = state[key].to(torch.bfloat16)
    both = normal(16 * 2 + 2 * 32)
    state[f"{prefix}{VALUE}.lora_B.weight"] = both[:32].view(16, 2)
    state[f"{prefix}{VALUE}.lora_A.weight"] = both[32:].view(2, 32)
    torch.save(state, os.path.join(path, "adapter_model.bin"))
    with torch.no_grad():
        for module in modules:
            a, b = state[f"{prefix}{module}.lora_A.weight"], state[f"{prefix}{module}.lora_B.weight"]
            answer("bin", module, 2 * (b.double() @ a.double()))


def make_tinylora() -> None:
    """Three modules in two groups: 3·(1 - 0.4) rounds to 2, so the first group has one module, the second two."""
    modules = [QUERY, VALUE, DOWN]
    config = TinyLoraConfig(r=2, u=3, weight_tying=0.4, target_modules=targets(modules))
    model = get_peft_model(make_tiny.base(torch.float32), config)
    randomize(model)
    path = save_peft("tinylora", model)
    answers_of_peft("tinylora", path, modules)


def make_vera() -> None:
    """Modules of two widths, which share one A and one B."""
    modules = [QUERY, VALUE, DOWN]
    config = VeraConfig(r=5, target_modules=targets(modules), projection_prng_key=7)
    model = get_peft_model(make_tiny.base(torch.float32), config)
    randomize(model)
    path = save_peft("vera", model)
    answers_of_peft("vera", path, modules)


def make_peft_networks() -> None:
    """PEFT's LoHa, with a module of another rank and alpha, and LoKr with whole and split sides."""
    modules = [QUERY, VALUE, DOWN]
    loha = LoHaConfig(
        r=2, alpha=6, rank_pattern={"v_proj": 3}, alpha_pattern={"down_proj": 5}, target_modules=targets(modules)
    )
    whole = LoKrConfig(r=16, alpha=8, target_modules=targets(modules))
    split = LoKrConfig(r=1, alpha=3, decompose_both=True, decompose_factor=4, target_modules=targets(modules))
    for case, config in (("peft-loha", loha), ("peft-lokr-whole", whole), ("peft-lokr-split", split)):
        model = get_peft_model(make_tiny.base(torch.float32), config)
        randomize(model)
        answers_of_peft(case, save_peft(case, model), modules)


# Other programs


def make_lora_xs() -> None:
    """Both spellings of the latent's key; B·R·A from the frozen factors in the file."""
    base = make_tiny.load_weights()
    rank, alpha, state = 3, 6, {}
    for module, glued in ((QUERY, True), (DOWN, False)):
        weight = torch.from_numpy(base[f"{module}.weight"]).double()
        u, s, vt = torch.linalg.svd(weight, full_matrices=False)
        b, a = u[:, :rank].float(), (s[:rank, None] * vt[:rank]).float()
        latent = normal(rank, rank)
        prefix = f"base_model.model.{module}"
        state[f"{prefix}.lora_A.weight"], state[f"{prefix}.lora_B.weight"] = a.contiguous(), b.contiguous()
        middle = "_lora_latent_mapping" if glued else ".default_lora_latent_mapping"
        state[f"{prefix}{middle}.weight"] = latent
        answer("lora-xs", module, alpha / rank * (b.double() @ latent.double() @ a.double()))
    path = folder("lora-xs")
    save_file(state, os.path.join(path, "adapter_model.safetensors"), metadata={"format": "pt"})
    write_json(os.path.join(path, "adapter_config.json"), {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": alpha, "lora_dropout": 0.0,
        "bias": "none", "fan_in_fan_out": False, "init_lora_weights": True, "inference_mode": True,
        "base_model_name_or_path": "tiny", "target_modules": ["q_proj", "down_proj"], "modules_to_save": None,
    })


def make_mlx() -> None:
    rank, scale, state = 2, 20.0, {}
    for module in (QUERY, KEY, DOWN):
        out, width = SHAPES[module]
        a, b = normal(width, rank), normal(rank, out)
        state[f"{module}.lora_a"], state[f"{module}.lora_b"] = a, b
        answer("mlx", module, scale * (a.double() @ b.double()).T)
    path = folder("mlx")
    save_file(state, os.path.join(path, "adapters.safetensors"))
    write_json(os.path.join(path, "adapter_config.json"), {
        "model": "tiny", "fine_tune_type": "lora", "num_layers": 2, "iters": 10,
        "lora_parameters": {"rank": rank, "scale": scale, "dropout": 0.0},
    })


def kohya_name(module: str) -> str:
    return "lycoris_" + module.replace(".", "_")


def make_kohya() -> None:
    """LoRA with and without alpha, LoHa of small and of full rank, LoKr in four forms."""
    state: dict[str, torch.Tensor] = {}

    def put(module: str, **tensors: torch.Tensor) -> None:
        for part, value in tensors.items():
            state[f"{kohya_name(module)}.{part.replace('__', '.')}"] = value.contiguous()

    def save(case: str) -> None:
        path = folder(case)
        save_file(state, os.path.join(path, f"{case}.safetensors"), metadata={
            "ss_network_module": "lycoris.kohya", "ss_base_model_version": "tiny"})
        state.clear()

    for module, alpha in ((QUERY, 1.0), (DOWN, None), (VALUE, 0.0)):
        out, width = SHAPES[module]
        down, up = normal(4, width), normal(out, 4)
        put(module, lora_down__weight=down, lora_up__weight=up)
        if alpha is not None:
            put(module, alpha=torch.tensor(alpha, dtype=torch.bfloat16))
        answer("kohya-lora", module, (alpha / 4 if alpha else 1) * (up.double() @ down.double()))
    save("kohya-lora")

    for module, rank in ((QUERY, 3), (KEY, 5)):
        out, width = SHAPES[module]
        w1a, w1b, w2a, w2b = normal(out, rank), normal(rank, width), normal(out, rank), normal(rank, width)
        put(module, hada_w1_a=w1a, hada_w1_b=w1b, hada_w2_a=w2a, hada_w2_b=w2b, alpha=torch.tensor(2.0))
        answer("kohya-loha", module, 2 / rank * (w1a.double() @ w1b.double()) * (w2a.double() @ w2b.double()))
    save("kohya-loha")

    def lokr(module: str, scale: float, w1: torch.Tensor, w2: torch.Tensor) -> None:
        answer("kohya-lokr", module, scale * torch.kron(w1.double(), w2.double()))

    w1, w2a, w2b = normal(4, 4), normal(8, 2), normal(2, 8)
    put(QUERY, lokr_w1=w1, lokr_w2_a=w2a, lokr_w2_b=w2b, alpha=torch.tensor(3.0))
    lokr(QUERY, 3 / 2, w1, w2a @ w2b)
    w1a, w1b, w2a, w2b = normal(4, 2), normal(2, 4), normal(4, 2), normal(2, 8)
    put(KEY, lokr_w1_a=w1a, lokr_w1_b=w1b, lokr_w2_a=w2a, lokr_w2_b=w2b, alpha=torch.tensor(1.0))
    lokr(KEY, 1 / 2, w1a.double() @ w1b.double(), w2a.double() @ w2b.double())
    # Both whole: alpha has no effect.
    w1, w2 = normal(2, 4), normal(8, 8)
    put(VALUE, lokr_w1=w1, lokr_w2=w2, alpha=torch.tensor(64.0))
    lokr(VALUE, 1, w1, w2)
    # A product wider than its rank can be.
    w1a, w1b, w2 = normal(2, 3), normal(3, 2), normal(16, 24)
    put(DOWN, lokr_w1_a=w1a, lokr_w1_b=w1b, lokr_w2=w2, alpha=torch.tensor(3.0))
    lokr(DOWN, 1, w1a.double() @ w1b.double(), w2)
    save("kohya-lokr")


def make_diffusers() -> None:
    """A text encoder's LoRA: its modules have no `model.` in front. With metadata, and old names without."""
    state, rank = {}, 2
    for module in (QUERY, DOWN):
        out, width = SHAPES[module]
        a, b = normal(rank, width), normal(out, rank)
        name = f"text_encoder.{module.removeprefix('model.')}"
        state[f"{name}.lora_A.weight"], state[f"{name}.lora_B.weight"] = a, b
        answer("diffusers", module, 5 / rank**0.5 * (b.double() @ a.double()))
    settings = {"text_encoder.r": rank, "text_encoder.lora_alpha": 5, "text_encoder.use_rslora": True}
    path = folder("diffusers")
    save_file(state, os.path.join(path, "pytorch_lora_weights.safetensors"), metadata={
        "format": "pt", "lora_adapter_metadata": json.dumps(settings)})
    state = {}
    for module, alpha in ((QUERY, 3.0), (DOWN, None)):
        out, width = SHAPES[module]
        a, b = normal(rank, width), normal(out, rank)
        name = f"text_encoder.{module}"
        state[f"{name}.lora.down.weight"], state[f"{name}.lora.up.weight"] = a, b
        if alpha:
            state[f"{name}.alpha"] = torch.tensor(alpha)
        answer("diffusers-old", module, (alpha / rank if alpha else 1) * (b.double() @ a.double()))
    path = folder("diffusers-old")
    save_file(state, os.path.join(path, "pytorch_lora_weights.safetensors"), metadata={"format": "pt"})


def interleaved(rows: torch.Tensor) -> torch.Tensor:
    """Rows of queries and keys as llama.cpp's converter orders them (LlamaModel.permute)."""
    heads = rows.shape[0] // HEAD
    return rows.reshape(heads, 2, HEAD // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def make_gguf() -> None:
    names = {QUERY: "blk.0.attn_q", KEY: "blk.0.attn_k", VALUE: "blk.1.attn_v", OUTPUT: "blk.1.attn_output",
             DOWN: "blk.1.ffn_down"}
    for case, alpha in (("gguf-lora", 8.0), ("gguf-lora-unscaled", 0.0)):
        path = os.path.join(folder(case), "adapter.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        for module, name in names.items():
            out, width = SHAPES[module]
            a, b = normal(4, width), normal(out, 4)
            stored = interleaved(b) if module in (QUERY, KEY) else b
            if module == OUTPUT:
                a = a.to(torch.float16).to(torch.float32)
                writer.add_tensor(f"{name}.weight.lora_a", a.numpy().astype(np.float16))
            else:
                writer.add_tensor(f"{name}.weight.lora_a", a.numpy())
            writer.add_tensor(f"{name}.weight.lora_b", stored.contiguous().numpy())
            answer(case, module, (alpha / 4 if alpha else 1) * (b.double() @ a.double()))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def main() -> None:
    torch.manual_seed(SEED)
    for make in (make_pissa, make_adalora, make_qalora, make_bin, make_tinylora, make_peft_networks, make_lora_xs, make_mlx, make_kohya,
                 make_diffusers, make_gguf, make_vera):
        make()
    root = os.path.join(cases.output, "adapters_dialects")
    save_file(dict(sorted(expected.items())), os.path.join(root, "expected.safetensors"))
    digests = {}
    for path, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name == "provenance.json":
                continue
            full = os.path.join(path, name)
            digests[os.path.relpath(full, root)] = hashlib.sha256(open(full, "rb").read()).hexdigest()
    write_json(os.path.join(root, "provenance.json"), {
        "title": "Adapters of every dialect for golden/tiny/model and their weight changes",
        "seed": SEED, "generator": "golden/tools/make_adapters.py",
        "libraries": cases.libraries("torch", "peft", "safetensors", "gguf"), "sha256": digests,
    })


if __name__ == "__main__":
    main()
