"""Tiny random models with heads for classes, by Transformers' own classes, with their logits, losses and gradients.

    make_classes.py [--expected] [NAME ...]      with --expected models stay as they are

Each folder of golden/models/ gets config.json and model.safetensors as the class writes them, tokenizer.json, rows.jsonl with
texts, and case.json with expected.safetensors: their tokens by the tokenizers library, logits, loss, gradients of cores and second moments.
Weights are bfloat16 numbers, models run in Float64 from end to end (float64.py). `roberta-masked` and `deberta-masked` are models for masked tokens, beside
which lies a PEFT adapter for classes, whose logits are those of PEFT. distances.json of `deberta` has the rows that
Transformers' own function gives to distances.
"""

import base64
import json
import os
import shutil

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import cases
import class_files
from float64 import float64
from make_families import COMMON as DECODER
from make_families import SEED, VOCABULARY, Update, modules, stored

COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "hidden_act": "gelu",
}
BERT = COMMON | {"max_position_embeddings": 64, "type_vocab_size": 2, "pad_token_id": 0}
ROBERTA = COMMON | {
    "max_position_embeddings": 66, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    "layer_norm_eps": 1e-5,
}
DEBERTA = COMMON | {
    "max_position_embeddings": 64, "type_vocab_size": 0, "pad_token_id": 0, "layer_norm_eps": 1e-7, "relative_attention": True,
    "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True, "pos_att_type": "p2c|c2p",
    "position_biased_input": False,
}
LABELS = {0: "entailment", 1: "neutral", 2: "contradiction"}
MODELS = {
    "bert": ("BertForSequenceClassification", BERT | {"id2label": LABELS, "label2id": {v: k for k, v in LABELS.items()}}),
    "roberta": ("RobertaForSequenceClassification", ROBERTA | {"num_labels": 2}),
    "roberta-score": ("RobertaForSequenceClassification", ROBERTA | {"num_labels": 1}),
    "roberta-masked": ("RobertaForMaskedLM", ROBERTA),
    "xlm-roberta": ("XLMRobertaForSequenceClassification", ROBERTA | {"num_labels": 3}),
    "deberta": ("DebertaV2ForSequenceClassification", DEBERTA | {"num_labels": 3}),
    "deberta-masked": ("DebertaV2ForMaskedLM", DEBERTA),
    # A decoder: the last token that is no padding is read.
    "qwen2-score": ("Qwen2ForSequenceClassification", DECODER | {"pad_token_id": 1, "num_labels": 3}),
}
TEXTS = [
    ("A man plays a guitar.", "A person makes music."), ("The sky is dark", None), ("two dogs run", "Nobody sleeps here"),
    ("it was fine, really", None),
]
ANSWERS = {"bert": [0, 1, 2, 1], "roberta": [1, 0, 1, 0], "roberta-score": [3.5, 0.25, 1.0, 2.5],
           "qwen2-score": [2, 0, 1, 0], "deberta": [0, 2, 1, 1], "xlm-roberta": [0, 2, 1, 0]}


class ContentUpdate(Update):
    """Of the projections that DeBERTa gives embeddings of positions too, second moments are those of tokens alone."""

    def hook(self, module, arguments, result):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls % 2 == 1:
            return super().hook(module, arguments, result)
        return result + arguments[0] @ self.input @ self.core.T @ self.output.T


def update(index: int, model, name: str) -> Update:
    shares = model.config.model_type == "deberta-v2" and name.endswith(("query_proj", "key_proj"))
    return (ContentUpdate if shares else Update)(index, model.get_submodule(name))


def wordpiece() -> Tokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(letters) + ["##" + c for c in letters] + list(".,?!'")
    tokens += ["the", "man", "##ay", "##er", "music", "play", "##s"]
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(tokens[:5])
    return tokenizer


def byte_level(is_roberta: bool = True) -> Tokenizer:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokens = special + sorted(pre_tokenizers.ByteLevel.alphabet()) + ["Ġt", "Ġa"]
    merges = [("Ġ", "t"), ("Ġ", "a")]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if is_roberta:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    else:
        # A padding token at the end of every text.
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A <pad>", pair="$A </s> $B:1 <pad>:1", special_tokens=[("<pad>", 1), ("</s>", 2)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer


def pieces(special: tuple[str, ...], mask: str) -> list[tuple[str, float]]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [(piece, 0.0) for piece in special]
    pieces += [("\u2581", -2.0)] + [(c, -4.0) for c in letters + letters.upper() + "0123456789.,?!'"]
    pieces += [("\u2581" + word, -3.0 - index / 8) for index, word in enumerate(["the", "a", "man", "play", "is", "fine", "so"])]
    pieces += [(piece, -3.5 - index / 8) for index, piece in enumerate(["ing", "er", "es", "ful", "an", "or", "is"])]
    return pieces + [(mask, 0.0)]


def unigram() -> Tokenizer:
    vocabulary = pieces(("[PAD]", "[CLS]", "[SEP]", "[UNK]"), "[MASK]")
    return transformers.DebertaV2Tokenizer(vocab=vocabulary, unk_id=3)._tokenizer


def sentencepiece() -> Tokenizer:
    """As XLM-RoBERTa's, with a small table of replacements."""
    special = ("<s>", "<pad>", "</s>", "<unk>")
    tokenizer = Tokenizer(models.Unigram(pieces(special, "<mask>"), 3))
    with open(os.path.join(cases.GOLDEN, "tokenizer", "kinds", "unigram.json")) as file:
        table = json.load(file)["normalizer"]["normalizers"][0]["precompiled_charsmap"]
    tokenizer.normalizer = normalizers.Precompiled(base64.b64decode(table))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens([*special, "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def fill(model, seed: int) -> None:
    """Random weights of a size at which every part matters, all bfloat16 numbers."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in sorted(model.named_parameters()):
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        if value.dim() == 1:
            noise = torch.round(noise * 16) / 64 + (1 if "norm" in name.lower() and name.endswith("weight") else 0)
        elif "embed" in name:
            noise *= 0.5
        else:
            noise *= 0.9 / value.shape[1] ** 0.5
        value.data = noise.to(torch.bfloat16).to(torch.float64)


def logits(model, encoding) -> torch.Tensor:
    types = {"token_type_ids": torch.tensor([encoding.type_ids])} if model.config.model_type == "bert" else {}
    return model(input_ids=torch.tensor([encoding.ids]), **types).logits[0]


def adapter(folder: str, encodings) -> np.ndarray:
    """A PEFT adapter for classes on the model for masked tokens; its logits."""
    import peft
    torch.manual_seed(SEED)
    config = transformers.AutoConfig.from_pretrained(folder, num_labels=2)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, config=config, attn_implementation="eager", dtype=torch.float32)
    is_roberta = config.model_type == "roberta"
    wrapped = peft.get_peft_model(model, peft.LoraConfig(
        task_type="SEQ_CLS", r=2, lora_alpha=4, lora_dropout=0.0,
        target_modules=["query", "value"] if is_roberta else ["query_proj", "value_proj"],
        # The dense layer of DeBERTa's head lies beside its output.
        modules_to_save=["classifier"] if is_roberta else ["classifier", "pooler"]))
    class_files.save_adapter(wrapped, folder)
    with torch.no_grad(), float64():
        return torch.stack([logits(wrapped.double(), encoding) for encoding in encodings]).numpy()


# Buckets and reach: of this model, of DeBERTa-v3 and others.
DISTANCES = [(8, 64), (256, 512), (32, 128), (7, 50), (256, 1024)]


def distances(folder: str) -> None:
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position
    rows = []
    for size, reach in DISTANCES:
        offsets = torch.arange(-reach - 8, reach + 9)
        found = torch.clamp(make_log_bucket_position(offsets, size, reach).long() + size, 0, 2 * size - 1)
        rows.append({"buckets": size, "reach": reach, "first": int(offsets[0]), "rows": found.tolist()})
    with open(os.path.join(folder, "distances.json"), "w") as file:
        file.write("[" + ",\n".join(json.dumps(row) for row in rows) + "]\n")


def make(name: str) -> None:
    class_name, settings = MODELS[name]
    folder = os.path.join(cases.output, "models", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model = stored(class_name, settings, folder, fill)
    tokenizer = (wordpiece() if name == "bert" else unigram() if name.startswith("deberta")
                 else sentencepiece() if name == "xlm-roberta" else byte_level(name != "qwen2-score"))
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    encodings = [tokenizer.encode(a, b) if b else tokenizer.encode(a) for a, b in TEXTS]
    rows = [{"text": a} | ({"text_pair": b} if b else {}) for a, b in TEXTS]
    tensors = {}
    if name.endswith("-masked"):
        tensors["adapter.logits"] = adapter(folder, encodings)
        # The adapter is for two classes; its logits are all that is compared.
        rows = [row | {"label": 0} for row in rows]
    else:
        key = "score" if name == "roberta-score" else "label"
        rows = [row | {key: answer} for row, answer in zip(rows, ANSWERS[name])]
        with torch.no_grad(), float64():
            tensors["logits"] = torch.stack([logits(model, encoding) for encoding in encodings]).numpy()
        names = modules(model)
        updates = [update(index, model, module) for index, module in enumerate(names)]
        tensors |= class_files.measured(
            updates, (logits(model, encoding) for encoding in encodings), ANSWERS[name],
            sum(len(encoding.ids) for encoding in encodings), is_score=key == "score")
    class_files.write(
        name, tensors, rows, {
            "modules": modules(model), "tokens": [{"ids": encoding.ids, "types": encoding.type_ids} for encoding in encodings],
        }, "make_classes.py", class_name, "tokenizers", is_measured="loss" in tensors)
    if name == "deberta":
        distances(folder)
    sizes = class_files.sizes(folder)
    print(name, sum(sizes.values()), sizes)


def main() -> None:
    torch.set_num_threads(1)
    cases.run_models(make, MODELS, class_files.ANSWERS)


if __name__ == "__main__":
    main()
