#!/usr/bin/env python3
"""Writes xspress.1 from `xspress --experimental-dump-help`, the parser's own description of itself."""

import json
import subprocess
import sys


def roff(text):
    """Text safe in a roff line: backslashes and hyphens escaped, no leading control character."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def option_line(argument):
    names = [
        ("-" if name["kind"] == "short" else "--") + name["name"]
        for name in argument.get("names", [])
    ]
    value = argument.get("valueName", "value")
    if argument["kind"] == "positional":
        return f"\\fI{roff(value)}\\fR"
    names = ", ".join(f"\\fB{roff(name)}\\fR" for name in names)
    return names if argument["kind"] == "flag" else f"{names} \\fI{roff(value)}\\fR"


def arguments(command):
    shown = [a for a in command.get("arguments", []) if a.get("shouldDisplay", True)]
    for argument in shown:
        print(".TP")
        print(option_line(argument))
        text = argument.get("abstract", "")
        if argument.get("allValues") and len(argument["allValues"]) > 1:
            text += f" ({', '.join(argument['allValues'])})"
        if argument.get("defaultValue"):
            text += f" (default: {argument['defaultValue']})"
        print(roff(text.strip()) or "\\&")


def main():
    dump = subprocess.run(
        [sys.argv[1], "--experimental-dump-help"], check=True, capture_output=True, text=True
    ).stdout
    root = json.loads(dump)["command"]
    print('.TH XSPRESS 1 "" "XSPress" "User Commands"')
    print(f".SH NAME\nxspress \\- {roff(root.get('abstract', ''))}")
    print(".SH SYNOPSIS\n.B xspress\n\\fIcommand\\fR [\\fIoptions\\fR]")
    if root.get("discussion"):
        print(f".SH DESCRIPTION\n{roff(root['discussion'])}")
    print(".SH COMMANDS")
    for command in root.get("subcommands", []):
        if command["commandName"] == "help" or not command.get("shouldDisplay", True):
            continue
        print(f".SS \\fBxspress {roff(command['commandName'])}\\fR")
        print(roff(command.get("abstract", "")))
        arguments(command)
        for child in command.get("subcommands", []):
            print(f".TP\n\\fB{roff(child['commandName'])}\\fR\n{roff(child.get('abstract', ''))}")
    print(".SH EXIT STATUS")
    for code, meaning in [
        (0, "done"),
        (64, "the command line makes no sense"),
        (65, "an input is damaged, or a check did not pass"),
        (66, "an input is missing or unreadable"),
        (69, "an input uses something this version does not support"),
        (70, "a broken invariant of the program"),
        (71, "the work would exceed the memory or descriptor budget"),
        (73, "the output cannot be created"),
        (74, "reading or writing failed"),
        (75, "temporary: disk full, lock held, input changed; try again"),
    ]:
        print(f".TP\n.B {code}\n{meaning}")
    print(
        ".SH FILES\n.TP\n.I $XDG_CACHE_HOME/xspress\nComputed bases, by content digest; "
        "\\fBxspress cache prune\\fR empties it."
    )


if __name__ == "__main__":
    main()
