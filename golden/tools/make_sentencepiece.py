"""A small SentencePiece vocabulary and its ids of random Unicode lines by the sentencepiece and tokenizers libraries.

    make_sentencepiece.py      writes golden/tokenizer/sentencepiece/

Byte-pair pieces with scores, byte fallback and no normalisation, as Llama 2's; the same as `tokenizer.json` with the
normalizer of older files and with the pre-tokenizer of newer ones. A digest is that of make_lines.py.
"""

import json
import os
import tempfile

import numpy as np
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import cases
import hashlib
import make_lines

SEED = make_lines.SEED
SPACE = "\u2581"


def train(lines: list[str]) -> sentencepiece.SentencePieceProcessor:
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "text"), "w", encoding="utf-8") as file:
            file.writelines(line.replace("\n", " ") + "\n" for line in lines)
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(folder, "text"), model_prefix=os.path.join(folder, "m"), vocab_size=700,
            model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
            remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, num_threads=1,
            character_coverage=0.999, minloglevel=2)
        return sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "m.model"))


def merges(pieces: list[str]) -> list[tuple[str, str]]:
    """Every way to write a piece as two pieces, in the order of the joined ones, as Transformers derives them."""
    ids = {piece: index for index, piece in enumerate(pieces)}
    found = []
    for index, piece in enumerate(pieces):
        local = [(piece[:k], piece[k:]) for k in range(1, len(piece)) if piece[:k] in ids and piece[k:] in ids]
        found += sorted(local, key=lambda pair: (ids[pair[0]], ids[pair[1]]))
    return found


def library(pieces, form: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(
        {piece: index for index, piece in enumerate(pieces)}, merges(pieces), unk_token="<unk>", fuse_unk=True,
        byte_fallback=True))
    if form == "normalizer":
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
            replacement=SPACE, prepend_scheme=form, split=form == "always")
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    special = [AddedToken(t, normalized=form == "normalizer" and t == "</s>", special=True)
               for t in ("<unk>", "<s>", "</s>")]
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)])
    return tokenizer


def digest(encode, lines) -> dict:
    sha, count = hashlib.sha256(), 0
    for line in lines:
        ids = np.array(encode(line), "<i4")
        sha.update(np.int32(len(ids)).astype("<i4").tobytes() + ids.tobytes())
        count += len(ids)
    return {"lines": len(lines), "tokens": count, "sha256": sha.hexdigest()}


def main() -> None:
    folder = os.path.join(cases.output, "tokenizer", "sentencepiece")
    os.makedirs(folder, exist_ok=True)
    model = train(make_lines.data_lines("banking77")[:3000])
    count = model.get_piece_size()
    pieces = [model.id_to_piece(index) for index in range(count)]
    lines = make_lines.random_lines()
    small = {"scores": digest(model.encode, lines)}
    for form in ("normalizer", "always", "first"):
        tokenizer = library(pieces, form)
        tokenizer.save(os.path.join(folder, f"{form}.json"), pretty=False)
        # Special tokens written in a text are recognised here and not by the other library.
        special = [f"a<s> b</s>c {line}<s>{line}" for line in lines[:200]]
        small[form] = digest(lambda line: tokenizer.encode(line).ids, lines + special)
    answer = {
        "title": "Ids of random Unicode by SentencePiece with byte fallback, as digests",
        "seed": SEED,
        "generator": "golden/tools/make_sentencepiece.py",
        "libraries": cases.libraries("sentencepiece", "tokenizers"),
        "pieces": pieces,
        "scores": [model.get_score(index) for index in range(count)],
        "types": [2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1
                  for i in range(count)],
        "small": small,
    }
    with open(os.path.join(folder, "answers.json"), "w", encoding="utf-8") as file:
        json.dump(answer, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
