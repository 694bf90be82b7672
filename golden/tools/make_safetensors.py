"""Small safetensors files, one property each, with the reference library's verdict on every one.

`reference` is what the safetensors library does; `ours` what formats/safetensors.md promises, which
is never more permissive. Where the two differ, `why` says so.
"""

import hashlib
import os
import struct

import safetensors

import cases

ONE = b"\x00\x00\x80\x3f"


def build(header, data: bytes = b"", length: int | None = None) -> bytes:
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(dtype="F32", shape="[1]", offsets="[0,4]", extra="") -> str:
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}{extra}}}'


def f32(name='"w"', **options) -> str:
    return f"{{{name}:{entry(**options)}}}"


STRICTER = {
    "duplicate_name_same_range": "the library keeps the last, other readers the first",
    "duplicate_name_escaped": "the same name after unescaping",
    "duplicate_name_other_dtype": "two meanings for one name",
    "duplicate_metadata_key": "the library keeps the last, other readers the first",
    "entry_as_array": "an accident of the library's parser, not the format",
    "empty_name": "cannot be a parameter",
    "name_with_nul": "control characters do not belong in names",
    "name_with_escape": "control characters do not belong in names",
    "metadata_null": "the format says a map of strings",
    "zero_then_overflow": "no shape may overflow, in whatever order it is multiplied",
    "rank_10000": "more than eight dimensions",
}


def files() -> dict[str, bytes]:
    w = f32()
    two = f'{{"a":{entry()},"b":{entry(offsets="[4,8]")}}}'
    rows = {
        # Accepted by the format.
        "plain": build(w, ONE),
        "padded_with_spaces": build(w + "   ", ONE),
        "leading_blanks": build(" \t\n" + w, ONE),
        "trailing_blanks": build(w + " \r\n\t", ONE),
        "empty_header": build("{}"),
        "metadata_only": build('{"__metadata__":{"format":"pt"}}'),
        "metadata_and_tensor": build(f'{{"__metadata__":{{"k":"v"}},"w":{entry()}}}', ONE),
        "two_tensors": build(two, ONE + ONE),
        "listed_in_reverse": build(f'{{"b":{entry(offsets="[4,8]")},"a":{entry()}}}', ONE + ONE),
        "scalar": build(f32(shape="[]"), ONE),
        "zero_dimension": build(f32(shape="[2,0]", offsets="[0,0]")),
        "zero_dimension_at_boundary": build(f'{{"a":{entry()},"z":{entry(shape="[0]", offsets="[4,4]")}}}', ONE),
        "unaligned_f32": build(f'{{"a":{entry("U8", "[1]", "[0,1]")},"w":{entry(offsets="[1,5]")}}}', b"\x07" + ONE),
        "unknown_field": build(f32(extra=',"x":1'), ONE),
        "escaped_name": build(f32(name='"\\u0077"'), ONE),
        "names_equal_when_normalised": build(
            f'{{"caf\u00e9":{entry()},"cafe\u0301":{entry(offsets="[4,8]")}}}', ONE + ONE
        ),
        "name_like_a_path": build(f32(name='"../../etc/passwd"'), ONE),
        "bf16": build(f32(dtype="BF16", offsets="[0,2]"), b"\x80\x3f"),
        "f8_e4m3": build(f32(dtype="F8_E4M3", offsets="[0,1]"), b"\x38"),
        "i64": build(f32(dtype="I64", offsets="[0,8]"), bytes(8)),
        "bool_two": build(f32(dtype="BOOL", offsets="[0,1]"), b"\x02"),
        "nan_value": build(w, b"\x00\x00\xc0\x7f"),
        # Accepted by the library, refused here.
        "duplicate_name_same_range": build(f'{{"w":{entry()},"w":{entry()}}}', ONE),
        "duplicate_name_escaped": build(f'{{"w":{entry()},"\\u0077":{entry()}}}', ONE),
        "duplicate_name_other_dtype": build(f'{{"w":{entry("U8", "[4]")},"w":{entry()}}}', ONE),
        "duplicate_metadata_key": build(f'{{"__metadata__":{{"k":"1","k":"2"}},"w":{entry()}}}', ONE),
        "entry_as_array": build('{"w":["F32",[1],[0,4]]}', ONE),
        "empty_name": build(f32(name='""'), ONE),
        "name_with_nul": build(f32(name='"a\\u0000b"'), ONE),
        "name_with_escape": build(f32(name='"a\\u001b[31m"'), ONE),
        "metadata_null": build(f'{{"__metadata__":null,"w":{entry()}}}', ONE),
        "zero_then_overflow": build(f32(shape="[0,9223372036854775808,2]", offsets="[0,0]")),
        "rank_10000": build(f32(shape="[" + ",".join(["1"] * 10000) + "]"), ONE),
        # Refused by both.
        "empty_file": b"",
        "seven_bytes": bytes(7),
        "length_only": struct.pack("<Q", 8),
        "length_zero": build("", length=0),
        "length_one_too_many": build(w, length=len(w) + 1),
        "length_over_limit": build(w, ONE, length=100_000_001),
        "length_wraps": build(w, ONE, length=2**64 - 8),
        "length_2_63": build(w, ONE, length=2**63),
        "invalid_utf8": build(b'{"\xff":' + entry().encode() + b"}", ONE),
        "overlong_utf8": build(b'{"\xc0\x80":' + entry().encode() + b"}", ONE),
        "surrogate_utf8": build(b'{"\xed\xa0\x80":' + entry().encode() + b"}", ONE),
        "byte_order_mark": build(b"\xef\xbb\xbf" + w.encode(), ONE),
        "utf16": build(w.encode("utf-16-le"), ONE),
        "unfinished": build("{"),
        "text_after_object": build(w + "x", ONE),
        "second_object": build(w + "{}", ONE),
        "nul_padding": build(w + "\0\0", ONE),
        "comment": build(w + "/**/", ONE),
        "root_array": build("[]"),
        "root_null": build("null"),
        "root_string": build('"a"'),
        "trailing_comma": build(f'{{"w":{entry()},}}', ONE),
        "leading_zero": build(f32(shape="[01]"), ONE),
        "plus_sign": build(f32(shape="[+1]"), ONE),
        "single_quotes": build("{'w':" + entry() + "}", ONE),
        "newline_in_name": build(f32(name='"a\nb"'), ONE),
        "lone_surrogate_escape": build(f32(name='"\\ud800"'), ONE),
        "nested_1000": build('{"w":' + "[" * 1000 + "]" * 1000 + "}"),
        "duplicate_metadata": build(f'{{"__metadata__":{{}},"__metadata__":{{}},"w":{entry()}}}', ONE),
        "duplicate_field": build('{"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', ONE),
        "duplicate_name_other_range": build(f'{{"w":{entry()},"w":{entry(offsets="[4,8]")}}}', ONE + ONE),
        "metadata_number": build(f'{{"__metadata__":{{"k":1}},"w":{entry()}}}', ONE),
        "metadata_nested": build(f'{{"__metadata__":{{"k":{{}}}},"w":{entry()}}}', ONE),
        "metadata_array": build(f'{{"__metadata__":[],"w":{entry()}}}', ONE),
        "dtype_unknown": build(f32(dtype="F31"), ONE),
        "dtype_lower_case": build(f32(dtype="f32"), ONE),
        "dtype_missing": build('{"w":{"shape":[1],"data_offsets":[0,4]}}', ONE),
        "shape_missing": build('{"w":{"dtype":"F32","data_offsets":[0,4]}}', ONE),
        "offsets_missing": build('{"w":{"dtype":"F32","shape":[1]}}', ONE),
        "dtype_number": build('{"w":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}', ONE),
        "shape_string": build(f32(shape='"1"'), ONE),
        "shape_negative": build(f32(shape="[-1]"), ONE),
        "shape_fraction": build(f32(shape="[1.0]"), ONE),
        "shape_exponent": build(f32(shape="[1e0]"), ONE),
        "shape_2_64": build(f32(shape="[18446744073709551616]"), ONE),
        "shape_overflow_to_4": build(f32(dtype="U8", shape="[4194305,4194305,211106198978564]"), ONE),
        "shape_overflow_to_0": build(f32(shape="[4294967296,4294967296]", offsets="[0,0]")),
        "overflow_then_zero": build(f32(shape="[9223372036854775808,2,0]", offsets="[0,0]")),
        "f4_odd_bits": build(f32(dtype="F4", shape="[3]", offsets="[0,2]"), bytes(2)),
        "offsets_three": build(f32(offsets="[0,4,4]"), ONE),
        "offsets_one": build(f32(offsets="[0]"), ONE),
        "offsets_backwards": build(f32(offsets="[4,0]"), ONE),
        "offsets_negative": build(f32(offsets="[-4,0]"), ONE),
        "offsets_huge": build(f32(offsets="[0,18446744073709551615]"), ONE),
        "size_one_short": build(f32(offsets="[0,3]"), ONE[:3]),
        "size_one_long": build(f32(offsets="[0,5]"), ONE + b"\0"),
        "gap_at_start": build(f32(offsets="[4,8]"), ONE + ONE),
        "gap_between": build(f'{{"a":{entry()},"b":{entry(offsets="[8,12]")}}}', ONE * 3),
        "overlap_by_one": build(f'{{"a":{entry()},"b":{entry(offsets="[3,7]")}}}', ONE * 2),
        "identical_ranges": build(f'{{"a":{entry()},"b":{entry()}}}', ONE),
        "zero_inside_another": build(f'{{"a":{entry()},"z":{entry(shape="[0]", offsets="[2,2]")}}}', ONE),
        "truncated_by_one": build(two, (ONE + ONE)[:-1]),
        "no_data": build(w),
        "one_byte_more": build(w, ONE + b"\0"),
        "zip_appended": build(w, ONE + b"PK\x05\x06" + bytes(18)),
        "gguf_magic": b"GGUF\x03\0\0\0" + bytes(16),
        "pickle_zip": b"PK\x03\x04" + bytes(26),
    }
    return rows


def verdict(data: bytes) -> tuple[str, str | None, dict]:
    try:
        found = safetensors.deserialize(data)
    except Exception as error:  # The library's error types differ between versions.
        return "refuse", str(error).split("\n")[0][:120], {}
    tensors = {
        name: {
            "dtype": value["dtype"],
            "shape": list(value["shape"]),
            "sha256": hashlib.sha256(bytes(value["data"])).hexdigest(),
        }
        for name, value in found
    }
    return "accept", None, tensors


def main() -> None:
    folder = os.path.join(cases.output, "safetensors", "files")
    os.makedirs(folder, exist_ok=True)
    rows = {}
    for name, data in files().items():
        with open(os.path.join(folder, name + ".safetensors"), "wb") as file:
            file.write(data)
        reference, error, tensors = verdict(data)
        ours = "refuse" if name in STRICTER else reference
        assert (reference == "accept") or name not in STRICTER, name
        rows[name] = {"reference": reference, "ours": ours}
        if error:
            rows[name]["referenceError"] = error
        if name in STRICTER:
            rows[name]["why"] = STRICTER[name]
        if ours == "accept":
            rows[name]["tensors"] = tensors
    cases.write_case(
        "safetensors",
        "conformance",
        kind="safetensors",
        title=f"{len(rows)} small files, accepted or refused",
        generator="make_safetensors.py",
        uses=("safetensors",),
        inputs={"files": cases.folder_input("golden/safetensors/files")},
        parameters={},
        tolerances={},
        expected={"files": rows},
        precision="bytes",
    )


if __name__ == "__main__":
    main()
