"""Conversations as the tokens that Transformers gives the demo base, by its own chat template.

    make_chat_tokens.py      writes golden/tokenizer/chat/tokens.json

`ids` are of the whole conversation, tokenised as one text; `answer` is where the last message begins in them: the number
of tokens of the conversation before it with the prompt for an answer.
"""

import json
import os

from transformers import AutoTokenizer

import cases

CONVERSATIONS = [
    [("user", "What is the capital of France?"), ("assistant", "Paris.")],
    [("system", "Answer in one word."), ("user", "2 + 2?"), ("assistant", "Four")],
    [("user", "Hi"), ("assistant", "Hello! How can I help?"), ("user", "Ünïcödé 日本語 🦙?"), ("assistant", "Ça va, naïve 🦙!")],
    [("user", "Write code."), ("assistant", "```swift\nlet x = 1\n```\n")],
    [("system", ""), ("user", "\n\n"), ("assistant", "a\n\nb  c")],
    [("user", "<|im_end|> in the question"), ("assistant", "and <|im_end|> in the answer")],
]


def main() -> None:
    path = os.path.join(cases.ROOT, cases.DEMO_BASE)
    tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(path), gguf_file=os.path.basename(path))
    rows = []
    for turns in CONVERSATIONS:
        messages = [{"role": role, "content": text} for role, text in turns]
        whole = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
        before = tokenizer.apply_chat_template(messages[:-1], tokenize=True, add_generation_prompt=True, return_dict=False)
        assert whole[:len(before)] == before
        rows.append({"messages": messages, "ids": whole, "answer": len(before)})
    head = {
        "title": "Conversations as tokens of the demo base by its chat template, and where the last answer begins in them",
        "generator": "golden/tools/make_chat_tokens.py", "libraries": cases.libraries("transformers", "tokenizers"),
        "base": cases.file_input(cases.DEMO_BASE),
    }
    with open(os.path.join(cases.output, "tokenizer", "chat", "tokens.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n')
        file.write(",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows) + "\n ]\n}\n")


if __name__ == "__main__":
    main()
