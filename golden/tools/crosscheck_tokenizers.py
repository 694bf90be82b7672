"""Ten thousand lines of varied Unicode for every kind of tokenizer: the tool's ids against Hugging Face's library.

    crosscheck_tokenizers.py XSPRESS

Kinds: those of golden/tokenizer/kinds, and the vocabularies of llama.cpp in models/vocabularies (fetch_vocabularies.sh)
beside the same vocabulary in the library with the steps of its original. Each becomes a golden case in a temporary
folder, which `xspress verify` recomputes. Lines that the library normalises by an older Unicode than Python's are left out
and counted.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

import gguf
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

import cases
import make_lines
import make_tokenizers
from results import Results

LINES = 10_000
SEPARATOR = "\n__ggml_vocab_test__\n"


def lines() -> list[str]:
    """Fifteen hundred of make_lines.py and as many more as are missing, of the same pools and of people's words."""
    found = make_lines.random_lines()
    rng = random.Random(make_lines.SEED + 3)
    pieces = sorted({c for line in found for c in line}) + make_lines.PIECES * 40 + [" "] * 400 + ["\n"] * 60
    words = sorted({w for name in ("banking77", "clinc-domains") for line in make_lines.data_lines(name) for w in line.split()})
    marks = ["é", "日本", "'s", "12345", "3.14", "...", "\t", "  ", "A", "ß", "İ", "ǅ", "ſ", "🦙🏽", "e\u0301", "(x)", "http://a.b/c?d=e"]
    while len(found) < LINES:
        if len(found) % 2:
            found.append("".join(rng.choice(pieces) for _ in range(rng.randint(1, 40))))
        else:
            found.append(" ".join(rng.choice(words) if rng.random() < 0.8 else rng.choice(marks) for _ in range(rng.randint(1, 15))))
    return found


def real(name: str) -> tuple[str, Tokenizer]:
    path = os.path.join(cases.ROOT, "models", "vocabularies", f"ggml-vocab-{name}.gguf")
    fields = gguf.GGUFReader(path).fields

    def field(key):
        return fields[f"tokenizer.ggml.{key}"].contents()

    tokens, types = field("tokens"), field("token_type")
    special = [t for t, kind in zip(tokens, types) if kind in (2, 3, 4)]
    if name == "bert-bge":
        spelled = [t if kind in (2, 3, 4) else t[1:] if t.startswith("\u2581") else "##" + t
                   for t, kind in zip(tokens, types)]
        tokenizer = Tokenizer(models.WordPiece(
            {t: i for i, t in enumerate(spelled)}, unk_token="[UNK]", max_input_chars_per_word=1 << 30))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        merges = [tuple(line.split(" ", 1)) for line in field("merges")]
        rule = {"falcon": "falcon", "starcoder": "smollm"}.get(name, name)
        tokenizer = Tokenizer(models.BPE(
            {t: i for i, t in enumerate(tokens)}, merges, ignore_merges=rule in make_lines.WHOLE))
        if rule == "falcon":
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
                pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
                pre_tokenizers.Digits(individual_digits=False), make_tokenizers.split("[0-9][0-9][0-9]")])
        else:
            tokenizer.pre_tokenizer = make_lines.RULES[rule]()
        if rule == "qwen2":
            tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in special])
    return path, tokenizer


def write(folder: str, name: str, path: str, tokenizer: Tokenizer, texts: list[str], adds: bool) -> tuple[int, int]:
    out = set(make_tokenizers.skipped(tokenizer, texts))
    kept = [text for i, text in enumerate(texts) if i not in out and SEPARATOR not in text]
    ids = [tokenizer.encode(text, add_special_tokens=adds).ids for text in kept]
    return write_ids(folder, name, path, kept, ids, adds)


def write_ids(folder: str, name: str, path: str, kept: list[str], ids: list[list[int]], adds: bool) -> tuple[int, int]:
    """A golden case; how many lines and ids it has."""
    case = os.path.join(folder, name)
    os.makedirs(case)
    os.symlink(path, os.path.join(case, os.path.basename(path)))
    files = {"texts": "".join(text + SEPARATOR for text in kept),
             "ids": "".join(" ".join(map(str, row)) + "\n" for row in ids)}
    inputs = {"tokenizer": os.path.basename(path)}
    for key, content in files.items():
        inputs[key] = key
        with open(os.path.join(case, key), "w", encoding="utf-8", newline="") as file:
            file.write(content)
    digests = {}
    for key, file in inputs.items():
        with open(os.path.join(case, file), "rb") as opened:
            digests[key] = {"path": file, "sha256": hashlib.sha256(opened.read()).hexdigest()}
    with open(os.path.join(case, "case.json"), "w") as file:
        json.dump({
            "schema": "xspress.golden/1", "kind": "tokenizer", "title": name, "inputs": digests,
            "parameters": {"addSpecial": adds, "separator": SEPARATOR}, "tolerances": {},
            "expected": {"count": len(kept)},
            "provenance": {"generator": "crosscheck_tokenizers.py", "libraries": cases.libraries("tokenizers"),
                           "precision": "integers", "date": "-"}}, file)
    return len(kept), sum(map(len, ids))


def main() -> int:
    xspress = sys.argv[1]
    results = Results("tokenizers", "Ids of varied Unicode lines against Hugging Face's tokenizers: lines that differ",
                      "tokenizers", "gguf", "sentencepiece")
    texts = lines()
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in make_tokenizers.KINDS:
            path = os.path.join(cases.GOLDEN, "tokenizer", "kinds", f"{name}.json")
            counts[name] = write(folder, name, path, Tokenizer.from_file(path), texts, True)
        for name in ("gpt-2", "qwen2", "llama-bpe", "starcoder", "falcon", "bert-bge"):
            path = os.path.join(cases.ROOT, "models", "vocabularies", f"ggml-vocab-{name}.gguf")
            if not os.path.exists(path):
                results.skip(name, "golden/tools/fetch_vocabularies.sh was not run")
                continue
            counts[f"vocab {name}"] = write(folder, f"vocab {name}", *real(name), texts, False)
        run = subprocess.run([xspress, "verify", folder, "--json", "--quiet"], capture_output=True, text=True)
        found = {row["name"]: row for row in json.loads(run.stdout)["results"]}
    for name, (kept, tokens) in counts.items():
        row = found[name]
        error = row["measurements"][0]["error"] if row["measurements"] else float("inf")
        results.add(f"{name}: {kept} of {LINES} lines, {tokens} ids" + ("" if row["measurements"] else f": {row['reason']}"),
                    float("inf") if error is None else error, 0)
    return results.write()


if __name__ == "__main__":
    sys.exit(main())
