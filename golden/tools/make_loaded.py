"""Adapters whose files hold more or say less than what PEFT makes of them, and the parameters that it makes.

    make_loaded.py        writes golden/adapters_loaded/

Every case is saved by PEFT for golden/tiny/model, changed as published files are (its configuration edited, or the
whole state dictionary saved), loaded again by `PeftModel.from_pretrained` and merged. `expected.safetensors` holds
the parameters that differ from the base's afterwards, as `CASE/PARAMETER`.
"""

import hashlib
import json
import os
import shutil

import torch
from peft import LoHaConfig, LoKrConfig, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file

import cases
import make_adapters
import make_tiny
import models

SEED = 20261129
KINDS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ROOT = os.path.join(cases.output, "adapters_loaded")

expected: dict[str, torch.Tensor] = {}
generator = torch.Generator().manual_seed(SEED)


def tiny():
    return make_tiny.base(torch.float32)


def make(case: str, config, edit: dict | None = None, drop: tuple = (), whole: bool = False, **saving) -> None:
    path = os.path.join(ROOT, case)
    shutil.rmtree(path, ignore_errors=True)
    model = get_peft_model(tiny(), config)
    with torch.no_grad():
        for _, value in sorted(model.named_parameters()):
            if value.requires_grad:
                value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    model.save_pretrained(path, **saving)
    if whole:
        state = {name.replace(".default", ""): value.clone() for name, value in model.state_dict().items()}
        save_file(state, os.path.join(path, "adapter_model.safetensors"), metadata={"format": "pt"})
    readme = os.path.join(path, "README.md")
    if os.path.exists(readme):
        os.remove(readme)
    name = os.path.join(path, "adapter_config.json")
    with open(name) as file:
        settings = json.load(file)
    settings |= edit or {}
    for key in drop:
        del settings[key]
    with open(name, "w") as file:
        json.dump(settings, file, indent=2, sort_keys=True)
        file.write("\n")
    before = tiny().state_dict()
    after = PeftModel.from_pretrained(tiny(), path).merge_and_unload().state_dict()
    for parameter, value in after.items():
        if not torch.equal(value, before[parameter]):
            expected[f"{case}/{parameter}"] = value.detach().clone().contiguous()


def make_tied_head() -> None:
    """LoRA of a head that is the embeddings: PEFT adds it to the head's output alone until it is merged, which would
    change both. Expected is the weight that the head then acts with; the embeddings stay."""
    case = "head-tied"
    path = os.path.join(ROOT, case)
    shutil.rmtree(path, ignore_errors=True)

    def tied():
        config = make_tiny.config()
        config.tie_word_embeddings = True
        weights = make_tiny.load_weights()
        del weights["lm_head.weight"]
        return models.build(config, weights, torch.float32)

    model = get_peft_model(tied(), LoraConfig(r=2, lora_alpha=3, target_modules=["q_proj", "lm_head"]))
    with torch.no_grad():
        for _, value in sorted(model.named_parameters()):
            if value.requires_grad:
                value.copy_(0.3 * torch.randn(value.shape, generator=generator))
    model.save_pretrained(path)
    os.remove(os.path.join(path, "README.md"))
    loaded = PeftModel.from_pretrained(tied(), path)
    for name, module in loaded.base_model.model.named_modules():
        if hasattr(module, "get_delta_weight"):
            value = module.get_base_layer().weight + module.get_delta_weight("default")
            expected[f"{case}/{name}.weight"] = value.detach().clone().contiguous()


def main() -> None:
    def plain(**options):
        return LoraConfig(**({"r": 1, "lora_alpha": 3, "target_modules": KINDS} | options))

    make("targets-list", plain(), {"target_modules": ["q_proj"]})
    make("targets-layers", plain(), {"layers_to_transform": [1]})
    make("targets-layers-pattern", plain(), {"layers_to_transform": 0, "layers_pattern": ["layers"]})
    make("targets-excluded", plain(), {"exclude_modules": ["up_proj"]})
    make("targets-excluded-pattern", plain(), {"exclude_modules": r".*\.0\.(?!mlp).*"})
    make("targets-boundary", plain(), {
        "target_modules": r"\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:q_proj|up_proj)"})
    make("targets-look-ahead", plain(), {"target_modules": r"^(model(?=\.).*\.(k_proj|down_proj))$"})
    make("targets-look-away", plain(), {"target_modules": r"^(?!.*layers\.0).*(?:o_proj|gate_proj).*"})
    make("targets-lazy", plain(), {"target_modules": r"model\..*?\.v_pro[a-j]++"})
    make("defaults", plain(r=8), drop=("r", "lora_alpha"))
    make("rank-above", LoraConfig(r=48, lora_alpha=12, target_modules=["q_proj", "k_proj"]))
    make("head", LoraConfig(r=2, lora_alpha=3, target_modules=["q_proj", "lm_head"]))
    make("state-dictionary", plain(target_modules=["q_proj", "up_proj"]), whole=True)
    make(
        "resized", plain(target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]),
        save_embedding_layers=True,
    )
    both = {"r": 2, "alpha": 3, "target_modules": ["q_proj", "k_proj"]}
    make("lokr-root", LoKrConfig(**both), {"use_rslora": True})
    make("loha-root", LoHaConfig(**both), {"use_rslora": True})
    make_tied_head()
    save_file(dict(sorted(expected.items())), os.path.join(ROOT, "expected.safetensors"))
    digests = {}
    for path, _, names in sorted(os.walk(ROOT)):
        for name in sorted(names):
            if name != "provenance.json":
                full = os.path.join(path, name)
                digests[os.path.relpath(full, ROOT)] = hashlib.sha256(open(full, "rb").read()).hexdigest()
    make_adapters.write_json(os.path.join(ROOT, "provenance.json"), {
        "title": "What PEFT makes of files that hold more or say less", "seed": SEED,
        "generator": "golden/tools/make_loaded.py",
        "libraries": cases.libraries("torch", "peft", "transformers", "safetensors"), "sha256": digests,
    })


if __name__ == "__main__":
    main()
