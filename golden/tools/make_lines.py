"""Token ids of many lines by Hugging Face's tokenizers library, as digests.

    make_lines.py      writes golden/tokenizer/lines/ and models/demo-tokenizer.json

The vocabulary is the demo base's. Besides its own splitting rule it is used with the others that
we implement, because a rule does not depend on the vocabulary. Lines: prompts and completions of the
demo data, and seeded random Unicode. A digest is the SHA-256 over all lines of: number of ids, ids, as
little-endian 32-bit integers.

Small `tokenizer.json` files, one for each splitting rule, are trained here on the demo data; the demo
vocabulary itself as `tokenizer.json` is 2 MB and goes to models/, outside the repository.
"""

import hashlib
import json
import os
import random
import unicodedata

import gguf
import numpy as np
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

import cases

SEED = 20261123
RANDOM_LINES = 1500
DATA_LINES = 2500
LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA.replace(r"\p{N}{1,3}", r"\p{N}")
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O = TEKKEN.replace(f"[{LOWER}]+|", f"[{LOWER}]+{SUFFIX}|").replace(
    f"[{LOWER}]*|", f"[{LOWER}]*{SUFFIX}|").replace(r"|\p{N}|", r"|\p{N}{1,3}|")
# Rules whose models take a word that is itself a token whole.
WHOLE = ("llama-bpe", "tekken")
SPACES = " \t\n\r\x0b\x0c\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\ufeff"
PIECES = ["'s", "'S", "'ſ", "'ll", "'LL", "'re", "'Ve", "'d", "'t", "'m", "’s", "<|im_start|>", "<|im_end|>",
          "<|im_", "<file_sep>", "\r\n", "\n\n", "  ", "   ", " .", "...\n", "e\u0301", "\u1100\u1161", "½", "Ⅷ", "²"]


def split_by(pattern: str):
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])


RULES = {
    "gpt-2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "llama-bpe": lambda: split_by(LLAMA),
    "qwen2": lambda: split_by(QWEN),
    "tekken": lambda: split_by(TEKKEN),
    "gpt-4o": lambda: split_by(GPT4O),
}


def demo_tokenizer(rule: str) -> Tokenizer:
    reader = gguf.GGUFReader(os.path.join(cases.ROOT, cases.DEMO_BASE))

    def field(name: str) -> list:
        return reader.fields[f"tokenizer.ggml.{name}"].contents()

    tokens = field("tokens")
    merges = [tuple(line.split(" ", 1)) for line in field("merges")]
    model = models.BPE({t: i for i, t in enumerate(tokens)}, merges, ignore_merges=rule in WHOLE)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = RULES[rule]()
    if rule == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    special = [t for t, kind in zip(tokens, field("token_type")) if kind in (2, 3, 4)]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in special])
    return tokenizer


def small_tokenizer(rule: str, lines: list[str], folder: str) -> Tokenizer:
    """A trained tokenizer with the features that real files of its family have."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=rule in WHOLE))
    tokenizer.pre_tokenizer = RULES[rule]()
    tokenizer.decoder = decoders.ByteLevel()
    if rule == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True)
                                  for t in ("<|im_start|>", "<|im_end|>", "<|im_")])
    # Found after normalisation: the text may spell it decomposed.
    tokenizer.add_tokens([AddedToken("\u00e9\u00e9", normalized=True, special=False)])
    if rule == "llama-bpe":
        begin = tokenizer.token_to_id("<|im_start|>")
        template = processors.TemplateProcessing(
            single="<|im_start|> $A", pair="<|im_start|> $A $B", special_tokens=[("<|im_start|>", begin)])
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
        tokenizer.enable_padding(length=128)
        tokenizer.enable_truncation(max_length=128)
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    path = os.path.join(folder, f"{rule}.json")
    tokenizer.save(path, pretty=False)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if rule == "gpt-2":
        # As versions before 0.20 wrote merges.
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, separators=(",", ":"))
    return tokenizer


def digest(tokenizer: Tokenizer, lines: list[str], special: bool = False) -> dict:
    sha, count = hashlib.sha256(), 0
    for line in lines:
        ids = np.array(tokenizer.encode(line, add_special_tokens=special).ids, "<i4")
        sha.update(np.int32(len(ids)).astype("<i4").tobytes() + ids.tobytes())
        count += len(ids)
    return {"lines": len(lines), "tokens": count, "sha256": sha.hexdigest()}


def random_lines() -> list[str]:
    """Lines of scalars that Unicode 14 assigns, so that every library knows their class."""
    rng = random.Random(SEED)
    assigned = [chr(c) for c in range(0x20, 0x30000)
                if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    letters = [c for c in assigned if unicodedata.category(c)[0] == "L" and ord(c) < 0x2000]
    numbers = [c for c in assigned if unicodedata.category(c)[0] == "N"]
    marks = [c for c in assigned if unicodedata.category(c)[0] == "M"]
    ascii_ = [chr(c) for c in range(0x20, 0x7F)]
    pools = [ascii_, ascii_, list(SPACES), list(SPACES), letters, numbers, marks, assigned, PIECES, PIECES]
    library = normalizers.NFC()
    lines = []
    while len(lines) < RANDOM_LINES:
        line = "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 40)))
        # The library normalises by an older Unicode, which lacks some combining classes.
        if library.normalize_str(line) == unicodedata.normalize("NFC", line):
            lines.append(line)
    return lines


def data_lines(name: str) -> list[str]:
    lines = []
    with open(os.path.join(cases.GOLDEN, "data", name, "train.jsonl"), encoding="utf-8") as file:
        for row in list(file)[:DATA_LINES]:
            example = json.loads(row)
            lines += [example["prompt"], *example.get("choices", [example.get("completion", "")])]
    return lines


def main() -> None:
    folder = os.path.join(cases.output, "tokenizer", "lines")
    os.makedirs(folder, exist_ok=True)
    randoms = random_lines()
    with open(os.path.join(folder, "random.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in randoms)
    sources = {"random.jsonl": randoms, **{name: data_lines(name) for name in ("banking77", "clinc-domains")}}
    rules, small = {}, {}
    for rule in RULES:
        tokenizer = demo_tokenizer(rule)
        rules[rule] = {source: digest(tokenizer, lines) for source, lines in sources.items()}
        if rule == "smollm":
            first = [tokenizer.encode(line, add_special_tokens=False).ids for line in randoms[:3]]
            tokenizer.save(os.path.join(cases.ROOT, "models", "demo-tokenizer.json"))
        trained = small_tokenizer(rule, sources["banking77"][:1000], folder)
        small[rule] = digest(trained, randoms, special=True)
    answer = {
        "title": "Ids of demo data and random Unicode under the splitting rules, as digests",
        "seed": SEED,
        "generator": "golden/tools/make_lines.py",
        "libraries": cases.libraries("gguf", "tokenizers"),
        "unicode": unicodedata.unidata_version,
        "base": cases.file_input(cases.DEMO_BASE),
        "first": first,
        "rules": rules,
        "small": small,
    }
    with open(os.path.join(folder, "digests.json"), "w") as file:
        file.write(cases.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
