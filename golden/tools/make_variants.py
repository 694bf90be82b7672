"""Adapters that are more than low-rank updates of linear modules, and the parameters that they make of a base.

    make_variants.py      writes golden/adapters_variants/

PEFT writes its own and answers by `merge_and_unload`; MLX's DoRA and LyCORIS' convolutions and differences are
computed by PyTorch in float64 from the formulas that formats/adapters.md cites. `expected.safetensors` holds the
changed parameters as `CASE/PARAMETER`; for models other than golden/tiny/model also those before, as
`base/CASE/PARAMETER`.
"""

import hashlib
import os
import shutil

import gguf
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.config import BdLoraConfig, KasaConfig
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaForSequenceClassification, MixtralConfig, MixtralForCausalLM

import cases
import make_adapters
import make_tiny

SEED = 20261125
QUERY, DOWN = make_adapters.QUERY, make_adapters.DOWN
EMBEDDING = "model.embed_tokens"

expected: dict[str, torch.Tensor] = {}
generator = torch.Generator().manual_seed(SEED)


def randomize(model) -> None:
    with torch.no_grad():
        for name, value in sorted(model.named_parameters()):
            if value.requires_grad:
                # Magnitudes are norms of rows, which random ones would not be.
                change = 1 + 0.2 * torch.randn(value.shape, generator=generator)
                value.copy_(value * change if "magnitude" in name or "norm" in name
                            else 0.3 * torch.randn(value.shape, generator=generator))


def make(case: str, base, parameters: list[str], keep_base: bool = False, **options) -> None:
    """Trains nothing: random factors, saved by PEFT, merged by PEFT."""
    path = os.path.join(cases.output, "adapters_variants", case)
    shutil.rmtree(path, ignore_errors=True)
    if keep_base:
        state = base.state_dict()
        for parameter in parameters:
            expected[f"base/{case}/{parameter}"] = state[parameter].detach().clone().contiguous()
    model = get_peft_model(base, LoraConfig(**options))
    randomize(model)
    model.save_pretrained(path)
    readme = os.path.join(path, "README.md")
    if os.path.exists(readme):
        os.remove(readme)
    state = model.merge_and_unload().state_dict()
    for parameter in parameters:
        expected[f"{case}/{parameter}"] = state[parameter].detach().clone().contiguous()


def tiny():
    return make_tiny.base(torch.float32)


def gpt2():
    torch.manual_seed(SEED)
    return GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=16, n_embd=8, n_layer=1, n_head=2))


class Convolution(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(SEED)
        self.conv = torch.nn.Conv2d(3, 5, (3, 2))
        self.point = torch.nn.Conv2d(5, 4, 1)

    def forward(self, x):
        return self.point(self.conv(x))


def mixtral():
    torch.manual_seed(SEED)
    return MixtralForCausalLM(
        MixtralConfig(
            vocab_size=20, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, num_local_experts=3, num_experts_per_tok=2,
        )
    )


def normal(*shape: int) -> torch.Tensor:
    return 0.3 * torch.randn(shape, generator=generator)


def folder(case: str) -> str:
    path = os.path.join(cases.output, "adapters_variants", case)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def make_mlx_dora() -> None:
    """mlx_lm.tuner.dora: the norm of rows of the changed weight, the base's own magnitude replaced by m."""
    rank, scale, state = 2, 4.0, {}
    base = make_tiny.load_weights()
    for module in (QUERY, DOWN):
        weight = torch.from_numpy(base[f"{module}.weight"]).double()
        a, b = normal(weight.shape[1], rank), normal(rank, weight.shape[0])
        m = (weight.norm(dim=1) * (1 + normal(weight.shape[0]))).float()
        state |= {f"{module}.lora_a": a, f"{module}.lora_b": b, f"{module}.m": m}
        changed = weight + scale * (a.double() @ b.double()).T
        changed *= (m.double() / changed.norm(dim=1))[:, None]
        expected[f"mlx-dora/{module}.weight"] = changed.float().contiguous()
    path = folder("mlx-dora")
    save_file(state, os.path.join(path, "adapters.safetensors"))
    make_adapters.write_json(os.path.join(path, "adapter_config.json"), {
        "model": "tiny", "fine_tune_type": "dora", "num_layers": 2,
        "lora_parameters": {"rank": rank, "scale": scale, "dropout": 0.0},
    })


def make_lycoris() -> None:
    """LoCon without and with a core; whole differences of a weight, a norm and a bias."""
    down, up = normal(2, 3, 3, 2), normal(5, 2, 1, 1)
    low, core, high = normal(2, 3, 1, 1), normal(2, 2, 3, 2), normal(5, 2, 1, 1)
    state = {
        "lora_unet_first.lora_down.weight": down, "lora_unet_first.lora_up.weight": up,
        "lora_unet_first.alpha": torch.tensor(3.0), "lora_unet_first.diff_b": normal(5),
        "lora_unet_second.lora_down.weight": low, "lora_unet_second.lora_mid.weight": core,
        "lora_unet_second.lora_up.weight": high, "lora_unet_second.alpha": torch.tensor(1.0),
    }
    changes = {
        "first.weight": 3 / 2 * torch.einsum("or,rikl->oikl", up[..., 0, 0].double(), down.double()),
        "first.bias": state["lora_unet_first.diff_b"],
        "second.weight": 1 / 2 * torch.einsum(
            "abkl,oa,bi->oikl", core.double(), high[..., 0, 0].double(), low[..., 0, 0].double()),
    }
    for parameter, change in changes.items():
        before = normal(*change.shape)
        expected[f"base/kohya-convolution/{parameter}"] = before
        expected[f"kohya-convolution/{parameter}"] = (before.double() + change).float().contiguous()
    save_file(state, os.path.join(folder("kohya-convolution"), "kohya-convolution.safetensors"))
    base, state = make_tiny.load_weights(), {}
    for parameter, leaf in ((f"{QUERY}.weight", "diff"), ("model.norm.weight", "w_norm")):
        before = torch.from_numpy(base[parameter])
        change = normal(*before.shape)
        state[f"lycoris_{parameter.removesuffix('.weight').replace('.', '_')}.{leaf}"] = change
        expected[f"kohya-differences/{parameter}"] = (before.double() + change.double()).float().contiguous()
    save_file(state, os.path.join(folder("kohya-differences"), "kohya-differences.safetensors"))


def make_gguf() -> None:
    """llama.cpp's turned pair of the embeddings, and an update of the head; a norm that its runtime skips."""
    base, alpha = make_tiny.load_weights(), 6.0
    a, b = normal(64, 3), normal(32, 3)
    head_a, head_b = normal(3, 32), normal(64, 3)
    writer = gguf.GGUFWriter(os.path.join(folder("gguf-embedding"), "adapter.gguf"), "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for name, value in (
        ("token_embd.weight.lora_a", a), ("token_embd.weight.lora_b", b), ("output.weight.lora_a", head_a),
        ("output.weight.lora_b", head_b), ("output_norm.weight", normal(32)),
    ):
        writer.add_tensor(name, value.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    changes = {f"{EMBEDDING}.weight": a.double() @ b.double().T, "lm_head.weight": head_b.double() @ head_a.double()}
    for parameter, change in changes.items():
        before = torch.from_numpy(base[parameter]).double()
        expected[f"gguf-embedding/{parameter}"] = (before + alpha / 3 * change).float().contiguous()


def weights(*modules: str) -> list[str]:
    return [f"{module}.weight" for module in modules]


def main() -> None:
    torch.manual_seed(SEED)
    targets = make_adapters.targets([QUERY, DOWN])
    both = weights(QUERY, DOWN)
    make("dora", tiny(), both, r=2, lora_alpha=3, target_modules=targets, use_dora=True)
    make("pissa", tiny(), both, r=2, lora_alpha=3, target_modules=targets, init_lora_weights="pissa")
    make("olora", tiny(), both, r=2, lora_alpha=3, target_modules=targets, init_lora_weights="olora")
    make("kasa", tiny(), both, r=2, lora_alpha=3, target_modules=targets, kasa_config=KasaConfig())
    make(
        "bdlora", tiny(), both, r=4, lora_alpha=3, target_modules=targets,
        use_bdlora=BdLoraConfig(target_modules_bd_a=["q_proj"], target_modules_bd_b=["down_proj"], nblocks=2),
    )
    make(
        "tokens", tiny(), both[:1] + weights(EMBEDDING), r=2, target_modules=targets,
        trainable_token_indices=[7, 3, 5],
    )
    make(
        "embedding", tiny(), both[:1] + weights(EMBEDDING), r=2, lora_alpha=5,
        target_modules=r".*(q_proj|embed_tokens)",
    )
    make(
        "saved", tiny(), both[:1] + weights("lm_head", "model.norm", "model.layers.1.input_layernorm"), r=2,
        target_modules=targets, modules_to_save=["lm_head", "norm", "input_layernorm"],
    )
    block = "transformer.h.0"
    make(
        "conv1d", gpt2(), [f"{block}.attn.c_attn.weight", f"{block}.attn.c_proj.weight", f"{block}.attn.c_attn.bias"],
        keep_base=True, r=2, lora_alpha=3, target_modules=r".*attn\.(c_attn|c_proj)", fan_in_fan_out=True,
        bias="lora_only",
    )
    make(
        "lora-bias", gpt2(), [f"{block}.attn.c_attn.weight", f"{block}.attn.c_attn.bias"], keep_base=True, r=2,
        lora_alpha=3, target_modules=["c_attn"], fan_in_fan_out=True, lora_bias=True,
    )
    make(
        "convolution", Convolution(), weights("conv", "point"), keep_base=True, r=2, lora_alpha=3,
        target_modules="conv|point",
    )
    experts = "model.layers.0.mlp.experts"
    make(
        "experts", mixtral(), [f"{experts}.gate_up_proj", f"{experts}.down_proj"], keep_base=True, r=2, lora_alpha=3,
        target_modules=[], target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
    )
    make_mlx_dora()
    make_lycoris()
    make_gguf()
    # Saves its head unasked; the base's own files have none.
    classifier = LlamaForSequenceClassification.from_pretrained(
        os.path.join(cases.GOLDEN, "tiny", "model"), num_labels=3, pad_token_id=0)
    # Else the adapter names this folder.
    classifier.name_or_path = classifier.config._name_or_path = "tiny"
    make("classifier", classifier, both + weights("score"), r=2, lora_alpha=3, target_modules=targets, task_type="SEQ_CLS")
    root = os.path.join(cases.output, "adapters_variants")
    save_file(dict(sorted(expected.items())), os.path.join(root, "expected.safetensors"))
    digests = {}
    for path, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name != "provenance.json":
                full = os.path.join(path, name)
                digests[os.path.relpath(full, root)] = hashlib.sha256(open(full, "rb").read()).hexdigest()
    make_adapters.write_json(os.path.join(root, "provenance.json"), {
        "title": "Adapters beyond plain LoRA of linear modules and the parameters they make", "seed": SEED,
        "generator": "golden/tools/make_variants.py",
        "libraries": cases.libraries("torch", "peft", "transformers", "safetensors", "gguf"), "sha256": digests,
    })


if __name__ == "__main__":
    main()
