"""Small tokenizers of every kind, and what Hugging Face's tokenizers and sentencepiece make of varied Unicode lines.

    make_tokenizers.py      writes golden/tokenizer/kinds/

- `KIND.json`: a whole `tokenizer.json`, trained here on the demo data, with the parts that real files of its family have.
- `answers.json`: digests of the ids of every kind (as in make_lines.py), of pairs with their types, of texts decoded again;
  of the texts that each normalizer makes; of where each pre-tokenizer cuts, shown by `probe.json`, whose pieces tell the
  beginning of a word from its rest; and of texts full of added tokens with every combination of flags, `flags.json`.
- `characters.json`: the classes of characters that the library goes by, as ranges, for what Unicode 14 assigns.

The library's tables are of several older versions of Unicode. Lines where it normalises otherwise than Python for that
reason alone are named under `skipped`.
"""

import base64
import hashlib
import itertools
import json
import os
import random
import tempfile
import unicodedata

import numpy as np
import sentencepiece
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

import cases
import make_lines

SEED = make_lines.SEED
SPACE = "\u2581"
LLAMA, GPT4O = make_lines.LLAMA, make_lines.GPT4O
CJK = "[一-龥\u3040-ゟ゠-ヿ]+"
DEEPSEEK = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
    r"|\s*[\r\n]+|\s+(?!\S)|\s+")
# Expressions of real tokenizers, and others that use what the parser knows.
EXPRESSIONS = {
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "qwen35": LLAMA.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"\p{N}{1,3}", r"\p{N}").replace(
        r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+"),
    "deepseek-v3": DEEPSEEK,
    "cjk": CJK,
    "bloom": " ?[^(\\s|[.,!?…。，、।۔،])]+",
    "exaone-moe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}"
                  r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
    "jais-2": LLAMA.replace(r"\s+(?!\S)|\s+", r"\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"),
    "thousands": r"\d{1,3}(?=(?:\d{3})*\b)",
    "superbpe": r"(?=(\d{3})+(?!\d))",
    "kimi": r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+",
    "anchors": r"^\w+|\w+$|\bthe\b|\s$",
    "behind": r"(?<=[a-z])(?=[A-Z])|(?<!\d)\d{2}|[\x41-\x43]|\P{L}\W?",
    "lazy": r"a.*?b|(?:xy)+?z|(?>\s+)\S|[^\P{Ll}aeiou]{2,}",
}
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def lines() -> list[str]:
    """The random lines, and words of people's, some with line ends and numbers."""
    rng = random.Random(SEED + 1)
    words = sorted({w for line in make_lines.data_lines("banking77")[:200] for w in line.split()})
    found = make_lines.random_lines()[:700]
    joins = [" ", " ", " ", "  ", "\n", "\r\n", "\t", ", ", ". ", "'s ", "-", "", " 12", "1234567", "The", "éÉ", "中文"]
    while len(found) < 1000:
        found.append("".join(rng.choice(words) + rng.choice(joins) for _ in range(rng.randint(1, 12))))
    return found


def sha(parts) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


def numbers(values) -> bytes:
    return np.int32(len(values)).astype("<i4").tobytes() + np.array(values, "<i4").tobytes()


# MARK: kinds


def byte_level(vocab_size=420, **options) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def trained(tokenizer: Tokenizer, text: list[str], size=420, **options) -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, show_progress=False, **options))
    return tokenizer


def split(pattern: str, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def bytes_only():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def special(*texts, **flags):
    return [AddedToken(t, special=True, normalized=False, **flags) for t in texts]


def roberta(text):
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trained(tokenizer, text, special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")))
    return tokenizer


def neox(text):
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained(tokenizer, text, special_tokens=["<|endoftext|>", "<|padding|>"])
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True, special=False) for n in range(24, 1, -1)])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B:1", special_tokens=[])
    return tokenizer


def phi4(text):
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split(LLAMA, "removed", True), bytes_only()])
    trained(tokenizer, text)
    tokenizer.add_special_tokens(special("<|im_start|>", "<|im_end|>", lstrip=True, rstrip=True))
    return tokenizer


def falcon(text):
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False), split("[0-9][0-9][0-9]")])
    return trained(tokenizer, text)


def starcoder(text):
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return trained(tokenizer, text, special_tokens=["<|endoftext|>", "<fim_prefix>"])


def deepseek(text):
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.Sequence([])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split(r"\p{N}{1,3}"), split(CJK), split(DEEPSEEK), bytes_only()])
    return trained(tokenizer, text)


def partial(text):
    """Bytes without a token are unknown."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=200, show_progress=False, special_tokens=["<unk>"]))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def spm(text, **options) -> sentencepiece.SentencePieceProcessor:
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "text"), "w", encoding="utf-8") as file:
            file.writelines(line.replace("\n", " ") + "\n" for line in text)
        if "rules" in options:
            with open(os.path.join(folder, "rules"), "w", encoding="utf-8") as file:
                file.writelines(options.pop("rules"))
            options["normalization_rule_tsv"] = os.path.join(folder, "rules")
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(folder, "text"), model_prefix=os.path.join(folder, "m"), num_threads=1, minloglevel=2,
            **options)
        return sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "m.model"))


def pieces(model) -> list[str]:
    return [model.id_to_piece(i) for i in range(model.get_piece_size())]


def gemma(text):
    model = spm(text, vocab_size=600, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                add_dummy_prefix=False, remove_extra_whitespaces=False, character_coverage=0.999)
    import make_sentencepiece
    names = pieces(model)
    tokenizer = Tokenizer(models.BPE(
        {p: i for i, p in enumerate(names)}, make_sentencepiece.merges(names), unk_token="<unk>", fuse_unk=True,
        byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(special("<unk>", "<s>", "</s>"))
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("\t", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


RULES = ["41\t61\n", "C4\t41 45\n", "FF21\t41\n", "AB\t3C 3C\n", "2026\t2E 2E 2E\n", "FB01\t66 69\n", "AD\t\n", "A0\t20\n",
         "3000\t20\n", "65 301\tE9\n", "212B\tC5\n", "BD\t31 2F 32\n", "9\t20\n", "A\t20\n", "D\t20\n", "200B\t\n"]


def field(message: bytes, wanted: int) -> bytes:
    """The bytes of a field of a protocol buffer."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while place < len(message):
        key = varint()
        if key & 7 == 2:
            size = varint()
            if key >> 3 == wanted:
                return message[place:place + size]
            place += size
        elif key & 7 == 0:
            varint()
        else:
            place += {1: 8, 5: 4}[key & 7]
    return b""


def charsmap(model) -> bytes:
    """`normalizer_spec.precompiled_charsmap`."""
    return field(field(model.serialized_model_proto(), 3), 2)


def unigram_model(text, **options):
    return spm(text, vocab_size=400, model_type="unigram", rules=RULES, character_coverage=0.995, **options)


def unigram(text, byte_fallback=False, scheme="always"):
    model = unigram_model(text, byte_fallback=byte_fallback)
    vocab = [(model.id_to_piece(i), model.get_score(i)) for i in range(model.get_piece_size())]
    tokenizer = Tokenizer(models.Unigram(vocab, model.unk_id(), byte_fallback))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap(model)), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme, split=not byte_fallback)
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme=scheme)
    tokenizer.add_special_tokens(special("<unk>", "<s>", "</s>"))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def wordpiece(text, lowercase=True):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # The order of equally frequent characters is not that of every run: the alphabet is given.
    alphabet = sorted({c for line in text for c in tokenizer.normalizer.normalize_str(line) if c > " "})
    vocab = {name: i for i, name in enumerate(names)}
    for piece in alphabet + ["##" + c for c in alphabet]:
        vocab.setdefault(piece, len(vocab))
    counts = {}
    for line in text:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(line)):
            counts[word] = counts.get(word, 0) + 1
    for word in sorted(counts, key=lambda w: (-counts[w], w))[:150]:
        vocab.setdefault(word, len(vocab))
        vocab.setdefault("##" + word[len(word) // 2:], len(vocab))
    tokenizer.model = models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=20)
    tokenizer.add_special_tokens(names)
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    ends = [(name, vocab[name]) for name in ("[CLS]", "[SEP]")]
    if lowercase:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends)
    else:
        tokenizer.post_processor = processors.BertProcessing(ends[1], ends[0])
    return tokenizer


def word_level(text):
    counts = {}
    splitter = pre_tokenizers.Whitespace()
    for line in text:
        for word, _ in splitter.pre_tokenize_str(line):
            counts[word] = counts.get(word, 0) + 1
    names = ["<unk>"] + sorted(counts, key=lambda w: (-counts[w], w))[:200]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = splitter
    return tokenizer


def clip(text):
    """Characters with affixes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Strip(), normalizers.Lowercase(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=300, end_of_word_suffix="</w>", special_tokens=["<unk>"], show_progress=False))
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return tokenizer


def continuing(text):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="@@"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=300, continuing_subword_prefix="@@", special_tokens=["<unk>"], show_progress=False))
    return tokenizer


KINDS = {
    "roberta": roberta, "neox": neox, "phi4": phi4, "falcon": falcon, "starcoder": starcoder, "deepseek": deepseek,
    "partial": partial, "gemma": gemma, "unigram": unigram,
    "unigram-bytes": lambda text: unigram(text, True, "first"), "bert": wordpiece,
    "bert-cased": lambda text: wordpiece(text, False), "words": word_level, "clip": clip, "continuing": continuing,
}
# Whose decoding is the library's: of the others it joins pieces by spaces.
DECODED = {"roberta", "neox", "phi4", "falcon", "starcoder", "deepseek", "gemma", "bert", "bert-cased"}


def skipped(tokenizer, texts) -> list[int]:
    """Lines that the tables of the library normalise otherwise for their age alone."""
    forms = {"NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD()}
    text = str(tokenizer.normalizer)
    used = [name for name in forms if name in text] + (["NFD"] if "Bert" in text else [])
    return [i for i, line in enumerate(texts) if any(
        forms[name].normalize_str(line) != unicodedata.normalize(name, line) for name in used)]


def answer(tokenizer, name, texts) -> dict:
    out = skipped(tokenizer, texts)
    kept = [line for i, line in enumerate(texts) if i not in set(out)]
    found = [tokenizer.encode(line) for line in kept]
    plain = [tokenizer.encode(line, add_special_tokens=False) for line in kept]
    pairs = [tokenizer.encode(a, b) for a, b in zip(kept[:-1:2], kept[1::2])]
    result = {
        "skipped": out, "tokens": sum(len(e.ids) for e in found), "sha256": sha(numbers(e.ids) for e in found),
        "plain": sha(numbers(e.ids) for e in plain),
        "pairs": sha(numbers(e.ids) + numbers(e.type_ids) for e in pairs),
    }
    if name in DECODED:
        result["decoded"] = sha(
            tokenizer.decode(e.ids, skip_special_tokens=False).encode() + b"\0" for e in plain[-300:])
    return result


# MARK: parts


def probe() -> Tokenizer:
    """One id for each character that is common in the lines, one more where it is not first; other words are unknown."""
    common = sorted(set(make_lines.SPACES) | {c for p in make_lines.PIECES for c in p} |
                    {chr(c) for c in range(0x20, 0x7f)} | set("éÉ中文" + SPACE))
    vocab = {"[UNK]": 0}
    for piece in common + ["##" + c for c in common]:
        vocab.setdefault(piece, len(vocab))
    return Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100000))


def splitters():
    for name, pattern in EXPRESSIONS.items():
        yield name, split(pattern)
    for behavior in BEHAVIORS:
        for invert in (False, True):
            yield f"spaces {behavior} {invert}", split(r"\s", behavior, invert)
            yield f"words {behavior} {invert}", split(r"[a-z]+", behavior, invert)
        yield f"literal {behavior}", pre_tokenizers.Split("e", behavior)
        yield f"punctuation {behavior}", pre_tokenizers.Punctuation(behavior)
    for scheme in ("always", "first", "never"):
        for whole in (True, False):
            yield f"metaspace {scheme} {whole}", pre_tokenizers.Metaspace(SPACE, scheme, whole)
    yield "digits", pre_tokenizers.Digits(False)
    yield "each digit", pre_tokenizers.Digits(True)
    yield "whitespace", pre_tokenizers.Whitespace()
    yield "whitespace split", pre_tokenizers.WhitespaceSplit()
    yield "bert", pre_tokenizers.BertPreTokenizer()
    yield "character", pre_tokenizers.CharDelimiterSplit(",")
    yield "sequence", pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(SPACE, "first"), pre_tokenizers.Digits(True)])


def normalizing(map_: bytes):
    for form in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"):
        yield form, getattr(normalizers, form)()
    for left, right in ((True, True), (True, False), (False, True)):
        yield f"strip {left} {right}", normalizers.Strip(left, right)
    for values in itertools.product((True, False), (True, False), (True, False, None), (True, False)):
        clean, chinese, accents, lower = values
        yield f"bert {values}", normalizers.BertNormalizer(
            clean_text=clean, handle_chinese_chars=chinese, strip_accents=accents, lowercase=lower)
    yield "replace", normalizers.Replace("e", "[é]")
    yield "replace expression", normalizers.Replace(Regex(r"\s{2,}|(?<=a)b"), "")
    yield "prepend", normalizers.Prepend(SPACE)
    yield "precompiled", normalizers.Precompiled(map_)
    yield "sequence", normalizers.Sequence([
        normalizers.Strip(), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Replace(" ", SPACE),
        normalizers.Prepend(SPACE)])


def flags_tokenizer() -> Tokenizer:
    tokenizer = probe()
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    for number, values in enumerate(itertools.product((False, True), repeat=5)):
        lstrip, rstrip, single, normalized, is_special = values
        token = AddedToken(f"T{number:02}", lstrip=lstrip, rstrip=rstrip, single_word=single, normalized=normalized,
                           special=is_special)
        (tokenizer.add_special_tokens if is_special else tokenizer.add_tokens)([token])
    # One begins another, one lies in another, one begins with a space.
    tokenizer.add_tokens([AddedToken("T0", normalized=False), AddedToken("x T1", normalized=False),
                          AddedToken(" <", normalized=False), AddedToken("Ea", normalized=True)])
    return tokenizer


def flag_lines() -> list[str]:
    rng = random.Random(SEED + 2)
    parts = [f"T{n:02}" for n in range(32)] * 2 + [f"t{n:02}" for n in range(32)]
    parts += [" ", " ", "  ", "\n", "\u3000", "a", "ea", "Ea", "é", "_", "-", "1", "x", "x ", "<", " <", "\u0301", "T0", "T"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(1, 14))) for _ in range(1500)]


def ranges(found) -> list[list[int]]:
    result = []
    for value in sorted(found):
        if result and result[-1][1] == value - 1:
            result[-1][1] = value
        else:
            result.append([value, value])
    return result


def characters() -> dict:
    assigned = [c for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cs", "Cn")]

    def cut(step, count):
        return [c for c in assigned if len(step.pre_tokenize_str(f"a{chr(c)}a")) == count]

    def made(step, text):
        return [c for c in assigned if step.normalize_str(f"a{chr(c)}a") == text]

    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    chinese = normalizers.BertNormalizer(**{**off, "handle_chinese_chars": True})
    return {name: ranges(found) for name, found in {
        "punctuation": cut(pre_tokenizers.Punctuation("isolated"), 3),
        "number": cut(pre_tokenizers.Digits(True), 3),
        "space": cut(pre_tokenizers.WhitespaceSplit(), 2),
        "word": cut(pre_tokenizers.Whitespace(), 1),
        "control": [c for c in made(normalizers.BertNormalizer(**{**off, "clean_text": True}), "aa") if c != 0xfffd],
        "mark": made(normalizers.StripAccents(), "aa"),
        "nonspacingMark": made(normalizers.BertNormalizer(**{**off, "strip_accents": True}), "aa"),
        "chinese": [c for c in assigned if chinese.normalize_str(f"a{chr(c)}a") == f"a {chr(c)} a"],
    }.items()}


def main() -> None:
    folder = os.path.join(cases.output, "tokenizer", "kinds")
    os.makedirs(folder, exist_ok=True)
    texts = lines()
    data = make_lines.data_lines("banking77")[:800]
    kinds = {}
    for name, make in KINDS.items():
        tokenizer = make(data)
        tokenizer.save(os.path.join(folder, f"{name}.json"), pretty=False)
        kinds[name] = answer(tokenizer, name, texts)
    model = unigram_model(data)
    map_ = charsmap(model)
    # SentencePiece itself; special tokens in the text are its pieces there, and cut out here.
    own = [line for line in texts if "<" not in line]
    sentence = {
        "pieces": pieces(model), "scores": [model.get_score(i) for i in range(model.get_piece_size())],
        "types": [2 if model.is_unknown(i) else 3 if model.is_control(i) else 1 for i in range(model.get_piece_size())],
        "charsmap": base64.b64encode(map_).decode(), "lines": len(own),
        "sha256": sha(numbers(model.encode(line)) for line in own),
    }
    tokenizer = probe()
    tokenizer.save(os.path.join(folder, "probe.json"), pretty=False)
    cuts = []
    for name, step in splitters():
        tokenizer.pre_tokenizer = step
        cuts.append({
            "name": name, "step": json.loads(tokenizer.to_str())["pre_tokenizer"],
            "sha256": sha(numbers(tokenizer.encode(line).ids) for line in texts)})
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([])
    made = []
    for name, step in normalizing(map_):
        tokenizer.normalizer = step
        out = skipped(tokenizer, texts)
        made.append({
            "name": name, "step": json.loads(tokenizer.to_str())["normalizer"], "skipped": out,
            "sha256": sha(step.normalize_str(line).encode() + b"\0" for i, line in enumerate(texts) if i not in set(out))})
    flags = flags_tokenizer()
    flags.save(os.path.join(folder, "flags.json"), pretty=False)
    marked = flag_lines()
    for file, content in (("lines", texts), ("flag-lines", marked)):
        with open(os.path.join(folder, f"{file}.jsonl"), "w", encoding="utf-8") as out:
            out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in content)
    result = {
        "title": "Ids of varied Unicode lines by tokenizers of every kind, as digests",
        "seed": SEED, "generator": "golden/tools/make_tokenizers.py",
        "libraries": cases.libraries("sentencepiece", "tokenizers"), "unicode": unicodedata.unidata_version,
        "kinds": kinds, "sentencepiece": sentence, "splitters": cuts, "normalizers": made,
        "flags": {"lines": len(marked), "sha256": sha(numbers(flags.encode(line).ids) for line in marked)},
    }
    with open(os.path.join(folder, "answers.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False, indent=1)
        file.write("\n")
    with open(os.path.join(folder, "characters.json"), "w") as file:
        json.dump(characters(), file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
