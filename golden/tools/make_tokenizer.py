"""Token ids of the demo base's tokenizer, by Hugging Face's tokenizers library."""

import os

import cases
import models

TEXTS = [
    "",
    " ",
    "Customer: I would appreciate it if I could get an item refunded\nIntent:",
    " card arrival\n",
    "Utterance: what is the number of calories in a steak\nDomain:",
    " banking",
    "In 2026, 3.14159 is still pi; 1,000,000 isn't.",
    "<|im_start|>user\nHello<|im_end|>\n",
    "tabs\tand\r\nwindows lines\r\n\r\n",
    "Ünïcödé – “quotes” 日本語 🦙🏽 é é",
    "I'm you're we'll they'd it's don't I've'S",
    "   leading and trailing   ",
    "١٢٣ ½ ² Ⅷ 9",
    "a" * 40,
    "\u00a0non\u2003breaking\u200bspace",
]


def main() -> None:
    tokenizer = models.demo_tokenizer()
    base = "golden/tokenizer/ggml-vocab-smollm.gguf"
    with open(os.path.join(cases.ROOT, base + ".inp"), encoding="utf-8", newline="") as file:
        texts = file.read().split("\n__ggml_vocab_test__\n")[:-1]  # it ends with a separator
    with open(os.path.join(cases.ROOT, base + ".out")) as file:
        lines = file.read().split("\n")[: len(texts)]
    assert len(texts) == len(lines) == 46
    wanted = [[int(i) for i in line.split()] for line in lines]
    differing = [i for i, text in enumerate(texts) if models.encode(text) != wanted[i]]
    # The pair as supplied disagrees with itself in one place: the ids of line 1 are those of
    # another word than the text of block 1. The ids are sound: they survive decode and encode.
    assert differing == [1], differing
    other = tokenizer.decode(wanted[1])
    assert models.encode(other) == wanted[1] and other != texts[1]
    examples = []
    for text in TEXTS + [texts[1], other]:
        ids = models.encode(text)
        decoded = tokenizer.decode(ids, skip_special_tokens=False)
        examples.append({"text": text, "ids": ids, "decoded": decoded})
    common = dict(kind="tokenizer", generator="make_tokenizer.py", precision="integers")
    cases.write_case(
        "tokenizer",
        "demo-texts",
        title="Prompts, completions, special tokens, digits and Unicode; ids and decoded text",
        uses=("tokenizers", "gguf"),
        inputs={"base": cases.file_input(cases.DEMO_BASE)},
        parameters={"addSpecial": False},
        tolerances={},
        expected={"examples": examples},
        **common,
    )
    cases.write_case(
        "tokenizer",
        "llama-cpp-vectors",
        title="46 published vectors for the pre-type smollm, less one whose text and ids disagree",
        uses=("tokenizers", "gguf"),
        inputs={
            "base": cases.file_input(cases.DEMO_BASE),
            "texts": cases.file_input(base + ".inp"),
            "ids": cases.file_input(base + ".out"),
        },
        parameters={"addSpecial": False, "separator": "\n__ggml_vocab_test__\n"},
        tolerances={},
        expected={
            "count": 46,
            "excluded": [
                {"index": 1, "reason": f"the ids of line 1 encode {other!r}, not {texts[1]!r}"}
            ],
        },
        **common,
    )


if __name__ == "__main__":
    main()
