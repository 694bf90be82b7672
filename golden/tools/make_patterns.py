"""What Python's `re` says of module patterns: golden/patterns/answers.json.

`ending` is `re.match(r"(.*\\.)?(P)$", name)`, `whole` is `re.fullmatch(P, name)`, `component` is
`re.match(r"(^|.*\\.)P($|\\..*)", name)`: a digit for each name. `layers` is the number that
`re.match(r"(?:^|.*?\\.)P\\.(?P<idx>\\d+)\\.", name)` finds. Without them Python takes the text for no expression.
"""

import json
import os
import re

import cases

NAMES = [
    "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "model.layers.11.self_attn.q_proj",
    "model.layers.1.mlp.up_proj", "model.layers.12.mlp.down_proj", "model.layers.2.self_attn.k_proj", "q_proj", "xq_proj",
    "model.layers.1.self_attn.v_proj", "aaaaaaaaaaaaaaaaaaaaaaaaaaab", "visual.blocks.3.attn.o_proj", "lm_head",
    "model.layers.3.mlp.experts.7.down_proj", "", "q_proj\n", "Q_PROJ", "modèle.couche.٣.proj", "a.b c.d", "model.mlp",
]
PATTERNS = [
    "q_proj", "self_attn.q_proj", "model.layers.1.self_attn.q_proj", "^model.layers.1.self_attn.q_proj",
    r"layers.[01].mlp", r"layers\.\d+\.mlp\.(up|down)_proj", ".*q_proj", "q_proj$", "proj", "[^.]+_proj",
    "(?:gate|up)_proj", "layers.1{1,2}.*", "mlp.up_proj|self_attn.v_proj", "x?q_proj", "^q_proj", "lay.*?q_proj", "",
    r"\w+", "layers.(1|2).*k_proj", "layers", "blocks", "mlp", "model", r"(layers|blocks)", "lay(ers|er)?",
    # As trainers write them by themselves.
    r"\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)",
    r"^(model(?=\.).*\.(k_proj|down_proj))$", r"^(?!.*visual).*(?:o_proj|q_proj|up_proj).*",
    r"^(?!.*(?:visual|lm_head)).*$", r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:q_proj|up_proj).*?)|"
    r"(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:(?:q_proj|up_proj)))",
    # Every construct.
    r"(?<=layers\.)1\..*", r".*(?<=mlp\.)up_proj", r".*(?<!xq)_proj", r".*(?<![x.])q_proj", r"\Bq_proj", r".*\Bq_proj",
    r"(?=q)q_proj", r".*\bq_proj\b", r"\Aq_proj\Z", r"q_proj\Z", "a++b", "a*+b", "a++ab", "a?+ab", "(?>a+)b", "(?>a+)ab",
    "(?>a|aa)+b", "a{3,}?b", "a{27}b", "a{,30}b", "a{28}b", "a{,}b", "a{2,1}", "a{x}", "x{", "{", "a{1}{2}", "a**", "a+*",
    "a*??", "(?:a*)*b", "(a|)+b", "(|a)+b", "(a*?)*?b", "(a?){3}.*", "(?:){2}q_proj", "(){2}q_proj", "()*q_proj",
    "[]q]_proj", "[^]x]q_proj", r"[\w.]+q_proj", r"[\D]+", r"[^\W]+", r"[\s\S]*", "[a-z_]+", "[a-", "[z-a]", r"[\d-z]+",
    r"[a\-z]+", "[.-z]+", r"[\x61]+b", r"\x61+b", "\\u0061+b", r"\Qq", r"\q", r"\_", r"\-", r"\.", r"a\.b\sc\.d",
    "(?i)Q_PROJ", "(?i:Q)_proj", "(?i)[A-C]+", "(?-i:q)_proj", "(?s).*", "(?m)^q_proj$", "(?im)Q_proj$", "q(?i)_proj",
    "(?#comment)q_proj", "(?P<n>q)_proj", "(?P<n>q)(?P<n>_)proj", "(?P<>q)", "(?P", "(?<n>q)", "(?<=a+)b", "(?<=a|bb)b",
    "(", ")", "a)", "a)|(b", "*a", "+", "?", "a\\", "^*q", "$+", r"\b?q_proj", "(?=q)*q_proj", "(?:q", "[", "a|*", "||",
    "|q_proj", "q_proj|", ".", "..proj", r"\d", r".*\d.*", r".*\.\d\..*", r"\w+\.\w+\.\d\.proj", "(?!)", "(?=)", "(?!a)q.*",
    "(?!(?!q))q_proj", "(?=(?=q)q_)q_proj", "((((((((((q))))))))))_proj", "(a+)+$", "(a*)*c", "(a|aa)+x", "(.*.*.*.*)*x",
]


def bits(match) -> str:
    return "".join("1" if match(name) else "0" for name in NAMES)


def compiled(text: str):
    try:
        return re.compile(text)
    except (re.error, OverflowError):
        return None


def answer(pattern: str) -> dict:
    result: dict = {"pattern": pattern}
    # Without a bound Python would take for ever.
    slow = pattern in ("(a+)+$", "(a*)*c", "(a|aa)+x", "(.*.*.*.*)*x")
    forms = {
        "ending": (rf"(.*\.)?({pattern})$", "match"), "whole": (pattern, "fullmatch"),
        "component": (rf"(^|.*\.){pattern}($|\..*)", "match"),
    }
    for form, (text, method) in forms.items():
        if expression := compiled(text):
            result[form] = "0" * len(NAMES) if slow else bits(getattr(expression, method))
    if expression := compiled(rf"(?:^|.*?\.){pattern}\.(?P<idx>\d+)\."):
        if not slow:
            found = [expression.match(name) for name in NAMES]
            result["layers"] = [int(match["idx"]) if match and match["idx"] else None for match in found]
    return result


def main() -> None:
    folder = os.path.join(cases.output, "patterns")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "answers.json"), "w") as file:
        file.write(cases.dumps({"names": NAMES, "patterns": [answer(pattern) for pattern in PATTERNS]}) + "\n")


if __name__ == "__main__":
    main()
