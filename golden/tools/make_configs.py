"""Configurations of adapters as they are published, and what PEFT of their time applies.

    make_configs.py [CASE ...]      writes golden/configs/

Every configuration is written anew: the keys and values are those that PEFT of the version named and common trainers
write. `configs_peft.py` asks PEFT of that version, each in an environment of its own (.venv-peft/VERSION, made on first
use; PyTorch and what it needs are the ones of this environment).
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
import zlib

import cases

AREA = "configs"
# The Transformers of each version's time, and what keeps it working under a newer Python and PyTorch.
VERSIONS = {
    "0.3.0": ["transformers==4.31.0", "accelerate==0.21.0", "numpy==1.26.4", "huggingface_hub==0.19.4"],
    "0.5.0": ["transformers==4.33.3", "accelerate==0.23.0", "numpy==1.26.4", "huggingface_hub==0.19.4"],
    "0.7.1": ["transformers==4.36.2", "accelerate==0.25.0", "numpy==1.26.4", "huggingface_hub==0.23.5"],
    "0.10.0": ["transformers==4.39.3", "accelerate==0.28.0", "numpy==1.26.4", "huggingface_hub==0.24.7"],
    "0.13.2": ["transformers==4.45.2", "accelerate==0.34.2", "numpy==1.26.4", "huggingface_hub==0.29.3"],
    "0.17.1": ["transformers==4.55.4", "accelerate==1.10.1", "numpy==1.26.4", "huggingface_hub==0.36.0"],
    "0.18.1": ["transformers==4.57.3", "accelerate==1.12.0", "numpy==1.26.4", "huggingface_hub==0.36.0"],
    "0.21.2": None,
}
# Environments made before, as FOLDER/VERSION.
ENVIRONMENTS = os.environ.get("PEFT_ENVIRONMENTS", os.path.join(os.path.dirname(os.path.abspath(__file__)), ".venv-peft"))
SHARED = ("torch", "torchgen", "functorch")

QV = ["q_proj", "v_proj"]
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CAUSAL = {"task_type": "CAUSAL_LM"}
A, B = "lora_A.weight", "lora_B.weight"


def module(layer: int, name: str) -> str:
    part = "self_attn" if name in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
    return f"model.layers.{layer}.{part}.{name}"


CASES: list[dict] = []


def case(name: str, peft: str, note: str, *, base: str = "grouped", **more) -> None:
    CASES.append({"name": name, "peft": peft, "base": base, "note": note, "seed": zlib.crc32(name.encode()), **more})


def lora(name: str, peft: str, note: str, *, options: dict, base: str = "grouped", **more) -> None:
    # Without a dropout the first version fails.
    start = {"lora_dropout": 0.0} if peft == "0.3.0" else {}
    options = {"r": 8, "lora_alpha": 16, "target_modules": QV, **start, **CAUSAL, **options}
    case(name, peft, note, base=base, options={k: v for k, v in options.items() if v != "unset"}, **more)


def outside(name: str, peft: str, note: str, *, options: dict, written: dict | None = None, **more) -> None:
    """The file has tensors of all seven kinds, the configuration may mean fewer."""
    written = {"r": 4, "lora_alpha": 8, "target_modules": SEVEN, **CAUSAL} | (written or {})
    lora(name, peft, note, options={"r": 4, "lora_alpha": 8} | options, written=written, **more)


# MARK: - The first versions

lora("first-qv", "0.3.0", "the keys of a tutorial's LoRA of 2023", options={"lora_dropout": 0.05})
lora("first-no-dropout-four", "0.3.0", "four attention modules, alpha = r",
     options={"lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]})
lora("first-default-targets", "0.3.0", "target_modules null: PEFT's own list for llama, q and v",
     options={"target_modules": None}, set={"target_modules": None})
lora("first-fan-in", "0.3.0", "fan_in_fan_out true on linear modules: PEFT sets it to false",
     options={"fan_in_fan_out": True, "r": 16})
lora("first-older-keys", "0.3.0", "keys of the versions before: enable_lora, merge_weights",
     options={"r": 4}, set={"enable_lora": None, "merge_weights": False},
     drop=["revision", "layers_to_transform", "layers_pattern", "init_lora_weights"])
lora("first-bias-all", "0.3.0", "bias all of a base without biases", options={"bias": "all"})
lora("first-regex", "0.3.0", "targets as an expression", options={"target_modules": r".*\.(q_proj|v_proj|down_proj)$"})
lora("first-fewest-keys", "0.3.0", "nothing but what a script by hand writes", options={"r": 2, "lora_alpha": 1},
     only=["peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "task_type"])
lora("first-whole-modules", "0.3.0", "embeddings and head saved whole",
     options={"modules_to_save": ["embed_tokens", "lm_head"]})

# MARK: - 0.5

lora("quantised-trainer-r64", "0.5.0", "r 64, alpha 16, all linear modules by name: r above the 32 rows of k and v",
     options={"r": 64, "lora_alpha": 16, "lora_dropout": 0.1, "target_modules": sorted(SEVEN, reverse=True)})
lora("layer-one", "0.5.0", "layers_to_transform is a number", options={"layers_to_transform": 1, "target_modules": SEVEN})
lora("layer-list", "0.5.0", "layers_to_transform is a list, with a pattern",
     options={"layers_to_transform": [0], "layers_pattern": "layers"})
lora("bias-lora-only", "0.5.0", "bias lora_only of a base without biases", options={"bias": "lora_only"})
case("classifier-both-names", "0.5.0", "a sequence classifier: PEFT names classifier and score",
     base="classifier", options={"r": 8, "lora_alpha": 16, "target_modules": QV, "task_type": "SEQ_CLS"})
lora("half-precision", "0.5.0", "tensors in float16", options={"r": 16, "lora_alpha": 32}, dtype="F16")
lora("auto-mapping", "0.5.0", "task_type null: auto_mapping names the class",
     options={"task_type": None, "r": 4})
outside("outside-targets-old", "0.5.0", "tensors of seven kinds, q meant", options={"target_modules": ["q_proj"]})

# MARK: - 0.7

lora("loftq-empty", "0.7.1", "loftq_config {} and the null keys of this version", options={"target_modules": SEVEN, "r": 4})
lora("patterns-plain", "0.7.1", "rank and alpha by names",
     options={"rank_pattern": {"k_proj": 4, "layers.1.self_attn.q_proj": 2}, "alpha_pattern": {"k_proj": 32},
              "target_modules": ["q_proj", "k_proj"]})
lora("patterns-one-key", "0.7.1", "rank and alpha of one module under different keys: this version looks for one key",
     options={"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"self_attn.q_proj": 4, "v_proj": 2}})
lora("patterns-one-key-now", "0.21.2", "the same in a version that looks for each",
     options={"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"self_attn.q_proj": 4, "v_proj": 2}})
lora("head", "0.7.1", "the head among the targets: PEFT saves its own weight too",
     options={"target_modules": ["q_proj", "lm_head"], "r": 4})
lora("head-tied", "0.7.1", "the same where the head is the embeddings", base="tied",
     options={"target_modules": ["q_proj", "lm_head"], "r": 4})
case("loha", "0.7.1", "LoHa", **{"class": "LoHaConfig"},
     options={"r": 4, "alpha": 8, "target_modules": QV, **CAUSAL})
case("lokr", "0.7.1", "LoKr, both factors split", **{"class": "LoKrConfig"},
     options={"r": 4, "alpha": 2, "target_modules": SEVEN, "decompose_both": True, "decompose_factor": 8, **CAUSAL})
case("adalora-unpruned", "0.7.1", "AdaLoRA that never pruned", **{"class": "AdaLoraConfig"},
     options={"init_r": 6, "target_r": 4, "lora_alpha": 12, "target_modules": QV, **CAUSAL})

# MARK: - 0.10

lora("dora-bare", "0.10.0", "DoRA whose magnitudes have no .weight", options={"use_dora": True, "r": 4})
lora("rslora", "0.10.0", "use_rslora", options={"use_rslora": True, "r": 16, "lora_alpha": 8})
lora("linear-modules-listed", "0.10.0", "all-linear written out",
     options={"target_modules": "all-linear", "r": 4})
lora("megatron-keys", "0.10.0", "megatron_core names a package",
     options={"megatron_core": "megatron.core", "r": 4, "inference_mode": False})
lora("replicated-same", "0.10.0", "layer_replication that changes nothing", options={"layer_replication": [[0, 2]]})
lora("replicated-more", "0.10.0", "layer_replication that makes a third layer: another model",
     options={"layer_replication": [[0, 2], [1, 2]]})
lora("resized-older", "0.10.0", "embeddings and head saved whole after the vocabulary grew", base="resized",
     options={"modules_to_save": ["embed_tokens", "lm_head"], "r": 4})
lora("embedding", "0.10.0", "the embeddings among the targets", options={"target_modules": ["q_proj", "embed_tokens"], "r": 4})
lora("norms-saved", "0.10.0", "embeddings and norms saved whole, as for long contexts",
     options={"modules_to_save": ["embed_tokens", "norm", "input_layernorm"], "target_modules": SEVEN[:4], "r": 4})

# MARK: - 0.13

lora("pissa", "0.13.2", "PiSSA, not converted: the base lost its first components",
     options={"init_lora_weights": "pissa", "r": 4, "lora_alpha": 4}, precision="F32", tolerance=1e-4)
lora("olora", "0.13.2", "OLoRA, not converted", options={"init_lora_weights": "olora", "r": 4, "lora_alpha": 4},
     precision="F32", tolerance=1e-4)
lora("pissa-converted", "0.13.2", "PiSSA converted to a LoRA of twice the rank, rsLoRA's alpha times root 2",
     options={"r": 16, "lora_alpha": 22.627416997969522, "use_rslora": True})
lora("pissa-iterated", "0.13.2", "PiSSA with a randomised start, not converted",
     options={"init_lora_weights": "pissa_niter_4", "r": 4, "lora_alpha": 4}, precision="F32", tolerance=1e-2)
lora("gaussian-float-alpha", "0.13.2", "a start by normals, alpha no whole number",
     options={"init_lora_weights": "gaussian", "lora_alpha": 0.5, "r": 8})
lora("biases-all", "0.13.2", "bias all of a base with biases", base="biased", options={"bias": "all", "r": 4})
lora("biases-lora-only", "0.13.2", "bias lora_only of a base with biases", base="biased",
     options={"bias": "lora_only", "r": 4, "target_modules": ["q_proj", "down_proj"]})
case("classifier-null-keys", "0.13.2", "a classifier with the null keys of its time, alpha 0.5 r", base="classifier",
     options={"r": 16, "lora_alpha": 8, "target_modules": SEVEN[:4], "task_type": "SEQ_CLS", "lora_dropout": 0.1},
     dtype="BF16")
case("lokr-small", "0.13.2", "LoKr that keeps a factor whole", **{"class": "LoKrConfig"},
     options={"r": 16, "alpha": 16, "target_modules": ["q_proj", "k_proj"], "decompose_factor": -1, **CAUSAL})
lora("dora-rslora", "0.13.2", "DoRA with use_rslora", options={"use_dora": True, "use_rslora": True, "r": 4, "lora_alpha": 2})
lora("patterns-expressions-old", "0.13.2", "expressions in a version that puts .*. before them",
     options={"rank_pattern": {r"layers\.\d+\.self_attn\.(q|k)_proj": 2, "v_proj": 4}, "alpha_pattern": {"v_proj": 3},
              "target_modules": SEVEN[:3]})

# MARK: - 0.17, 0.18

lora("trainer-word-border", "0.17.1", "the expression of a common trainer",
     options={"target_modules": r"\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:q_proj|k_proj|v_proj|o_proj|gate_proj|"
              r"up_proj|down_proj)", "r": 4},
     set={"auto_mapping": {"base_model_class": "LlamaForCausalLM", "unsloth_fixed": True,
                           "parent_library": "transformers.models.llama.modeling_llama"}})
lora("trainer-two-branches", "0.17.1", "the same for models with images: two branches, word borders",
     options={"target_modules": r"(?:.*?(?:language|text).*?(?:self_attn|attention|attn).*?(?:q_proj|k_proj|v_proj|o_proj).*?)"
              r"|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|attention|attn)\.(?:(?:q_proj|k_proj|v_proj|o_proj)))", "r": 4})
lora("trainer-lookahead", "0.17.1", "a trainer's expression that looks ahead",
     options={"target_modules": r"^(model(?=\.).*\.(k_proj|q_proj))$", "r": 4})
outside("trainer-not-visual", "0.17.1", "a trainer's expression that leaves out the images' tower; tensors of all kinds",
        options={"target_modules": r"^(?!.*visual).*(?:o_proj|v_proj).*"})
lora("trainer-lazy", "0.17.1", "lazy repeats", options={"target_modules": r".*?\.(?:self_attn|mlp)\..*?(q|up)_proj"})
lora("excluded-list", "0.17.1", "exclude_modules is a list",
     options={"target_modules": SEVEN, "exclude_modules": ["up_proj", "layers.0.self_attn.k_proj"], "r": 4})
lora("excluded-expression", "0.17.1", "exclude_modules is an expression",
     options={"target_modules": SEVEN, "exclude_modules": r".*layers\.0\..*", "r": 4})
lora("eva", "0.17.1", "EVA: ranks by full names", options={
    "init_lora_weights": "eva", "eva_config": {"EvaConfig": {"rho": 2.0}},
    "rank_pattern": {module(0, "q_proj"): 12, module(0, "v_proj"): 4, module(1, "q_proj"): 10},
    "alpha_pattern": {}}, set={"eva_config": {
        "rho": 2.0, "tau": 0.99, "use_label_mask": True, "label_mask_value": -100, "whiten": False,
        "adjust_scaling_factors": True}})
lora("tokens", "0.17.1", "trained rows of the embeddings", options={"trainable_token_indices": [95, 3, 40], "r": 4})
lora("tokens-tied", "0.17.1", "trained rows where the head is the embeddings", base="tied",
     options={"trainable_token_indices": {"embed_tokens": [5, 2]}, "r": 4})
lora("bias-of-b", "0.17.1", "lora_bias of a base with biases", base="biased", options={"lora_bias": True, "r": 4})
lora("corda-keys", "0.17.1", "the null keys of this version and qalora_group_size",
     options={"r": 4, "target_modules": SEVEN}, dtype="BF16")
lora("saved-tied", "0.18.1", "embeddings saved whole, ensure_weight_tying", base="tied",
     options={"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True, "r": 4})
lora("saved-tied-apart", "0.18.1", "embeddings saved whole where the head is the embeddings, and not told so", base="tied",
     options={"modules_to_save": ["embed_tokens"], "r": 4})
lora("feature-extraction", "0.18.1", "a model without its head: names without the leading model", base="headless",
     options={"task_type": "FEATURE_EXTRACTION", "r": 4})
lora("question-answers", "0.18.1", "task_type of another kind, revision given",
     options={"task_type": None, "r": 4}, set={"task_type": "SEQ_2_SEQ_LM", "revision": "main"})
lora("bookkeeping", "0.18.1", "keys that trainers and hubs add",
     options={"r": 32, "lora_alpha": 64, "target_modules": SEVEN},
     set={"_commit_hash": "0" * 40, "lora_dtype": "bfloat16", "_custom_modules": None, "unsloth_fixed": True})

# MARK: - 0.21

lora("today-qv", "0.21.2", "what PEFT writes now", options={})
lora("today-r144", "0.21.2", "r above both sides of every module",
     options={"r": 144, "lora_alpha": 288, "target_modules": ["k_proj"]})
lora("today-alpha-zero", "0.21.2", "alpha 0: no change", options={"lora_alpha": 0})
lora("today-no-rank", "0.21.2", "r and lora_alpha missing: 8 each", options={"r": "unset", "lora_alpha": "unset"},
     drop=["r", "lora_alpha"])
lora("today-no-alpha", "0.21.2", "lora_alpha missing", options={"r": 4, "lora_alpha": "unset"}, drop=["lora_alpha"])
lora("today-alpha-string", "0.21.2", "lora_alpha is text", options={"lora_alpha": 16}, set={"lora_alpha": "16"})
lora("today-alpha-null", "0.21.2", "lora_alpha null", options={"lora_alpha": 16}, set={"lora_alpha": None})
FIRST = {"rank_pattern": {"q_proj": 4, r"model\.layers\.1\.self_attn\.q_proj": 2},
         "alpha_pattern": {"q_proj": 5, r".*\.1\.self_attn\..*": 3}}
lora("today-patterns-order", "0.21.2", "the first pattern that fits decides", options=FIRST, set=FIRST)
lora("refused-patterns-sorted", "0.21.2",
     "the same as PEFT writes it: it sorts the keys, so that another pattern is first and its own tensors do not fit",
     options=FIRST)
lora("today-patterns-other-order", "0.21.2", "the same in the other order",
     options={"rank_pattern": {r"model\.layers\.1\.self_attn\.q_proj": 2, "q_proj": 4},
              "alpha_pattern": {r".*\.1\.self_attn\..*": 3, "q_proj": 5}})
lora("today-patterns-anchored", "0.21.2", "a pattern from the front of the path, and one with a word of two",
     options={"rank_pattern": {"^model.layers.0.self_attn.q_proj": 2, r"self_attn\.(?:k|v)_proj": 3},
              "alpha_pattern": {"^model.layers.1.*": 4, "proj": 100}, "target_modules": SEVEN[:4]})
lora("today-dotted-targets", "0.21.2", "targets with parts of their paths",
     options={"target_modules": ["self_attn.q_proj", "model.layers.1.mlp.up_proj", "0.self_attn.v_proj"]})
lora("today-all-linear", "0.21.2", "all-linear left as it is", options={"target_modules": "all-linear", "r": 4},
     set={"target_modules": "all-linear"})
lora("today-default-targets", "0.21.2", "target_modules null", options={"target_modules": None},
     set={"target_modules": None})
lora("today-layer-patterns", "0.21.2", "layers by a list of patterns",
     options={"layers_to_transform": [1], "layers_pattern": ["blocks", "layers"], "target_modules": SEVEN, "r": 4})
outside("outside-targets", "0.21.2", "tensors of seven kinds, q meant", options={"target_modules": ["q_proj"]})
outside("outside-layers", "0.21.2", "tensors of both layers, the last meant",
        options={"target_modules": SEVEN, "layers_to_transform": [1]})
outside("outside-excluded", "0.21.2", "tensors of an excluded module",
        options={"target_modules": SEVEN, "exclude_modules": ["up_proj"]})
outside("outside-expression", "0.21.2", "tensors that the expression leaves out",
        options={"target_modules": r"model\.layers\.(0|2|4)\.mlp\.(?!up_).*_proj"})
outside("outside-foreign", "0.21.2", "tensors of modules that the base has not",
        options={"target_modules": SEVEN},
        extra={"base_model.model.visual.blocks.0.attn.qkv.lora_A.weight": [4, 16],
               "base_model.model.visual.blocks.0.attn.qkv.lora_B.weight": [48, 4]})
lora("tensors-missing", "0.21.2", "a target without tensors stays as it is", options={"target_modules": SEVEN, "r": 4},
     without=r"layers\.1\.mlp\.down_proj")
lora("half-a-pair", "0.21.2", "an A without its B: PEFT leaves B at zero", options={"r": 4},
     without=r"layers\.0\.self_attn\.q_proj\.lora_B")
lora("adapter-name-left", "0.21.2", "names as in the live model, with the adapter's name", options={"r": 4},
     names={r"\.weight$": ".default.weight"})
lora("state-dict-copies", "0.21.2", "a whole state saved: weights of the base beside the factors", options={"r": 4},
     copies=[f"{module(0, 'q_proj')}.weight", f"{module(1, 'v_proj')}.weight"])
lora("head-now", "0.21.2", "the head among the targets", options={"target_modules": SEVEN + ["lm_head"], "r": 4})
lora("head-tied-now", "0.21.2", "the same where the head is the embeddings", base="tied",
     options={"target_modules": SEVEN[:4] + ["lm_head"], "r": 4})
lora("embedding-now", "0.21.2", "the embeddings among the targets",
     options={"target_modules": ["q_proj", "embed_tokens"], "r": 4})
lora("resized", "0.21.2", "embeddings and head saved whole after the vocabulary grew", base="resized",
     options={"modules_to_save": ["embed_tokens", "lm_head"], "r": 4})
lora("resized-plain", "0.21.2", "the vocabulary grew and nothing of it was trained: PEFT saves it all the same",
     base="resized", options={"r": 4})
case("classifier-now", "0.21.2", "a sequence classifier", base="classifier",
     options={"r": 8, "lora_alpha": 16, "target_modules": SEVEN, "task_type": "SEQ_CLS"})
lora("dora-now", "0.21.2", "DoRA of all kinds", options={"use_dora": True, "target_modules": SEVEN, "r": 4})
case("adalora-pruned", "0.21.2", "AdaLoRA after pruning, one module to nothing", **{"class": "AdaLoraConfig"},
     options={"init_r": 12, "target_r": 4, "lora_alpha": 32, "target_modules": QV, "total_step": 100, **CAUSAL},
     masks={module(0, "q_proj"): [True, False, False, True] * 3, module(0, "v_proj"): [False] * 11 + [True],
            module(1, "q_proj"): [True] * 4 + [False] * 8, module(1, "v_proj"): [True, True] + [False] * 10})
case("loha-rslora-key", "0.21.2", "LoHa with use_rslora, which PEFT does not know there", **{"class": "LoHaConfig"},
     options={"r": 4, "alpha": 8, "target_modules": QV, **CAUSAL}, set={"use_rslora": True})
case("lokr-rslora-key", "0.21.2", "LoKr with use_rslora, and rank and alpha by names", **{"class": "LoKrConfig"},
     options={"r": 4, "alpha": 8, "target_modules": QV, "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"q_proj": 1},
              **CAUSAL}, set={"use_rslora": True})
lora("task-unknown", "0.21.2", "a key that PEFT does not know, with a value", options={"r": 4}, set={"lora_plus": {"ratio": 16}})
lora("loftq", "0.21.2", "a start by LoftQ, its settings kept", options={"r": 4},
     set={"loftq_config": {"loftq_bits": 4, "loftq_iter": 1}})

# MARK: - Corners

lora("layers-of-expression-old", "0.5.0", "layers_to_transform beside an expression: this version passes over it",
     options={"target_modules": ".*q_proj", "layers_to_transform": [0]})
lora("pattern-without-layers-old", "0.5.0", "layers_pattern without layers_to_transform: this version passes over it",
     options={"layers_pattern": "layers"})
lora("layers-and-full-names", "0.21.2", "a target that is a whole path is none of the layers' business",
     options={"target_modules": [module(0, "q_proj"), "v_proj"], "layers_to_transform": [1]})
lora("layers-empty", "0.21.2", "no layers named: all", options={"layers_to_transform": []})
lora("adapter-name-left-old", "0.7.1", "names as in the live model: this version passes over them", options={"r": 4},
     names={r"\.weight$": ".default.weight"})
lora("compiled-names", "0.21.2", "names of a compiled model", options={"r": 4},
     names={r"^base_model\.model\.model": "base_model.model._orig_mod.model"})
case("lokr-now", "0.21.2", "LoKr with a scale, which versions before 0.14 did not apply", **{"class": "LoKrConfig"},
     options={"r": 4, "alpha": 2, "target_modules": SEVEN, "decompose_both": True, "decompose_factor": 8, **CAUSAL})
lora("today-nulls", "0.21.2", "null where a flag, a map or a list may be", options={},
     set={key: None for key in ("use_rslora", "use_dora", "fan_in_fan_out", "modules_to_save", "layers_pattern",
                                "loftq_config", "revision", "task_type", "lora_bias", "exclude_modules")})
lora("today-rank-float", "0.21.2", "r 8.0", options={}, set={"r": 8.0})
lora("today-no-targets", "0.21.2", "an empty list of targets", options={}, set={"target_modules": []})
lora("dora-long-name", "0.21.2", "magnitudes under the live model's name", options={"use_dora": True, "r": 4},
     names={"lora_magnitude_vector$": "lora_magnitude_vector.weight"})
lora("alpha-pattern-floats", "0.18.1", "alphas that are no whole numbers, with use_rslora, in bfloat16",
     options={"use_rslora": True, "alpha_pattern": {"q_proj": 11.313708498984761, "v_proj": 0.1}}, dtype="BF16")
lora("bias-of-b-without", "0.21.2", "lora_bias of a base without biases", options={"lora_bias": True, "r": 4})
lora("head-saved-tied", "0.13.2", "a head saved whole where it was the embeddings", base="tied",
     options={"modules_to_save": ["lm_head"], "r": 4})
lora("head-both-ways", "0.21.2", "the head saved whole and among the targets: saved whole it is",
     options={"target_modules": ["q_proj", "lm_head"], "modules_to_save": ["lm_head"], "r": 4})
lora("invoked", "0.18.1", "active after certain tokens only", options={"alora_invocation_tokens": [1, 2, 3], "r": 4})
outside("outside-deeper", "0.21.2", "tensors of a layer that the base has not",
        options={"target_modules": SEVEN},
        extra={f"base_model.model.{module(2, 'q_proj')}.lora_A.weight": [4, 128],
               f"base_model.model.{module(2, 'q_proj')}.lora_B.weight": [128, 4]})
outside("outside-saved", "0.17.1", "whole modules in the file that the configuration does not name",
        options={"target_modules": SEVEN}, extra={"base_model.model.lm_head.weight": [96, 128]})

lora("embedding-tied", "0.21.2", "the embeddings among the targets where they are the head: the head keeps its weight",
     base="tied", options={"target_modules": ["q_proj", "embed_tokens"], "r": 4})
lora("embedding-tied-together", "0.21.2", "the same with ensure_weight_tying", base="tied",
     options={"target_modules": ["q_proj", "embed_tokens"], "ensure_weight_tying": True, "r": 4})
lora("saved-both-tied", "0.10.0", "embeddings and head saved whole where they were one", base="tied",
     options={"modules_to_save": ["embed_tokens", "lm_head"], "r": 4})
lora("saved-container", "0.13.2", "a whole feed-forward layer saved", options={"modules_to_save": ["layers.1.mlp"], "r": 4})
lora("head-dora", "0.21.2", "DoRA of the head", options={"target_modules": ["q_proj", "lm_head"], "use_dora": True, "r": 4})
case("adalora-longer-start", "0.21.2", "AdaLoRA whose init_r is not the masks' length", **{"class": "AdaLoraConfig"},
     options={"init_r": 4, "target_r": 4, "lora_alpha": 32, "target_modules": ["q_proj"], "total_step": 100, **CAUSAL},
     masks={module(0, "q_proj"): [True] * 4, module(1, "q_proj"): [True] * 4}, set={"init_r": 12})
case("adalora-alpha-missing", "0.21.2", "AdaLoRA without lora_alpha", **{"class": "AdaLoraConfig"},
     options={"init_r": 6, "target_r": 4, "target_modules": QV, "total_step": 100, **CAUSAL}, drop=["lora_alpha"])
case("loha-outside", "0.21.2", "LoHa of more modules than the configuration means", **{"class": "LoHaConfig"},
     options={"r": 4, "alpha": 8, "target_modules": ["q_proj"], "layers_to_transform": [1], **CAUSAL},
     written={"r": 4, "alpha": 8, "target_modules": QV, **CAUSAL})
case("lokr-outside", "0.21.2", "LoKr with excluded modules in the file", **{"class": "LoKrConfig"},
     options={"r": 4, "alpha": 8, "target_modules": SEVEN, "exclude_modules": r".*mlp.*", **CAUSAL},
     written={"r": 4, "alpha": 8, "target_modules": SEVEN, **CAUSAL})
case("adalora-outside", "0.21.2", "AdaLoRA of more modules than the configuration means", **{"class": "AdaLoraConfig"},
     options={"init_r": 6, "target_r": 4, "lora_alpha": 6, "target_modules": ["v_proj"], "total_step": 100, **CAUSAL},
     written={"init_r": 6, "target_r": 4, "lora_alpha": 6, "target_modules": QV, "total_step": 100, **CAUSAL})
outside("dora-outside", "0.21.2", "DoRA of more modules than the configuration means",
        options={"target_modules": ["o_proj"], "use_dora": True}, written={"use_dora": True})
outside("outside-tail", "0.18.1", "the last entries of a list by parts of paths",
        options={"target_modules": ["1.mlp.down_proj", "proj"]})
outside("expression-case", "0.21.2", "an expression whose case does not matter", options={"target_modules": r"(?i).*\.Q_PROJ"})
outside("expression-named-group", "0.21.2", "named groups, looking ahead, anchors",
        options={"target_modules": r"\A(?P<part>model)\.layers\.(?:[01])\.(self_attn)\.(?=[qk])(?!q_)\w+?_proj\Z"})
outside("expression-open-count", "0.21.2", "a count without a lower end",
        options={"target_modules": r"model\.layers\.[0-9]{,2}\.self_attn\.[^kov]_proj"})
outside("expression-behind", "0.21.2", "looking behind, a group repeated by its number",
        options={"target_modules": r"(model)\.layers\.(\d)\.(?:mlp|self_attn)\.\w+(?<!_attn)(?<=down|gate)_(p)roj(?!\3)"})
outside("excluded-branches", "0.21.2", "exclude_modules with branches",
        options={"target_modules": "all-linear", "exclude_modules": r".*layers\.(1)\.mlp.*|.*k_proj"},
        set={"target_modules": "all-linear"})
lora("patterns-looking-ahead", "0.21.2", "patterns that look ahead, one over several parts",
     options={"rank_pattern": {r"(?!.*k_proj).*self_attn.*": 2}, "alpha_pattern": {r"layers\.[^0]\..*_proj": 3},
              "target_modules": SEVEN[:3]})

# MARK: - Refused by PEFT

lora("refused-no-target", "0.21.2", "targets that the base has not", options={"target_modules": ["query", "value"]},
     written={"r": 8, "target_modules": QV, **CAUSAL})
lora("refused-name-as-text", "0.21.2", "a name where a list belongs: an expression that is no whole path",
     options={"target_modules": "q_proj"}, written={"r": 8, "target_modules": QV, **CAUSAL})
lora("refused-rank-zero", "0.21.2", "r 0", options={}, set={"r": 0})
lora("refused-ranks-differ", "0.21.2", "r 16 beside tensors of 8", options={}, set={"r": 16})
lora("refused-layers-of-expression", "0.21.2", "layers_to_transform beside an expression",
     options={}, set={"target_modules": ".*q_proj", "layers_to_transform": [0]})
lora("refused-pattern-without-layers", "0.21.2", "layers_pattern without layers_to_transform",
     options={}, set={"layers_pattern": "layers"})
lora("refused-expression", "0.21.2", "an expression that is none", options={}, set={"target_modules": r".*(q_proj|v_proj"})


# MARK: - Environments

def python(version: str) -> str:
    """The interpreter of the environment with this PEFT, made where it is missing."""
    import peft

    if version == peft.__version__:
        return sys.executable
    folder = os.path.join(ENVIRONMENTS, version)
    interpreter = os.path.join(folder, "bin", "python")
    if os.path.exists(os.path.join(folder, "installed")):
        return interpreter
    venv.create(folder, with_pip=True)
    site = subprocess.check_output(
        [interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True).strip()
    import torch

    ours = os.path.dirname(os.path.dirname(torch.__file__))
    shared = os.path.join(folder, "shared")
    os.makedirs(shared, exist_ok=True)
    for name in os.listdir(ours):
        if name in SHARED or name.startswith("torch-") or name.startswith("nvidia"):
            if not os.path.lexists(os.path.join(shared, name)):
                os.symlink(os.path.join(ours, name), os.path.join(shared, name))
    with open(os.path.join(site, "shared.pth"), "w") as file:
        file.write(shared + "\n")
    subprocess.check_call([interpreter, "-m", "pip", "install", "--quiet", f"peft=={version}", "safetensors==0.5.3",
                           *VERSIONS[version]])
    open(os.path.join(folder, "installed"), "w").close()
    return interpreter


def ask(version: str, wanted: list[dict]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        questions, answers = os.path.join(folder, "cases.json"), os.path.join(folder, "answers.json")
        with open(questions, "w") as file:
            json.dump(wanted, file)
        # PEFT keeps targets in a set; its order must not come from the run.
        subprocess.check_call(
            [python(version), os.path.join(os.path.dirname(os.path.abspath(__file__)), "configs_peft.py"), questions,
             answers], env=os.environ | {"PYTHONHASHSEED": "0"})
        with open(answers) as file:
            return json.load(file)


# MARK: - Writing

def rounded(value: float) -> float:
    return float(f"{value:.9g}")


def row(tensor: dict) -> list:
    origin = {key: tensor[key] for key in ("copyOf", "sameAs", "transposeOf") if key in tensor}
    return [tensor["name"], tensor["shape"]] + ([origin] if origin else [])


def expected(item: dict, result: dict) -> dict:
    made = {
        "note": item["note"], "peft": item["peft"], "base": item["base"], "seed": item["seed"],
        "dtype": item.get("dtype", "F32"), "outcome": result["outcome"],
    }
    if "tolerance" in item:
        made["tolerance"] = item["tolerance"]
    made["tensors"] = [row(tensor) for tensor in result["tensors"]]
    if result["outcome"] == "refused":
        return made | {"error": result["error"]}
    # Parameter, norm, scale.
    made["changes"] = [
        [change["parameter"], rounded(change["norm"])] + ([rounded(change["scale"])] if "scale" in change else [])
        for change in result["changes"]
    ]
    return made | {"totalNorm": rounded(result["totalNorm"]), "notApplied": result["notApplied"]}


def dumps(value: dict) -> str:
    """One line a tensor and a change, so that a diff stays readable."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, list) and entry and isinstance(entry[0], list):
            rows = ",\n".join("  " + json.dumps(item, separators=(",", ":")) for item in entry)
            lines.append(f' "{key}": [\n{rows}\n ]')
        else:
            lines.append(f' "{key}": {json.dumps(entry)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(names: list[str] | None = None) -> None:
    root = os.path.join(cases.output, AREA)
    chosen = [item for item in CASES if not names or item["name"] in names]
    bases, libraries = {}, {}
    for version in VERSIONS:
        wanted = [item for item in chosen if item["peft"] == version]
        if not wanted:
            continue
        answers = ask(version, wanted)
        libraries[version] = {key: answers[key] for key in ("transformers", "torch")}
        bases |= answers["bases"]
        for item in wanted:
            result = answers["cases"][item["name"]]
            folder = os.path.join(root, item["name"])
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "adapter_config.json"), "w") as file:
                json.dump(result["config"], file, indent=1)
                file.write("\n")
            with open(os.path.join(folder, "expected.json"), "w") as file:
                file.write(dumps(expected(item, result)))
            print(f"{AREA}/{item['name']}: {result['outcome']} {result.get('error', '')} "
                  f"{len(result.get('changes', []))} {len(result.get('notApplied', []))}", flush=True)
    if names:
        return
    with open(os.path.join(root, "bases.json"), "w") as file:
        file.write(dumps({"seed": 20261129} | dict(sorted(bases.items()))))
    digests = {}
    for path, _, files in sorted(os.walk(root)):
        for name in sorted(files):
            if name != "provenance.json":
                full = os.path.join(path, name)
                digests[os.path.relpath(full, root)] = hashlib.sha256(open(full, "rb").read()).hexdigest()
    with open(os.path.join(root, "provenance.json"), "w") as file:
        file.write(cases.dumps({
            "title": "Configurations of adapters as they are published, and what PEFT of their time applies",
            "generator": "golden/tools/make_configs.py", "python": platform.python_version(), "peft": libraries,
            "precision": "F64; F32 where PEFT refuses F64", "sha256": digests,
        }) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
