import Checkpoints
import Faults
import Files
import Foundation
import JSON
import TestSupport
import Testing

/// The edges of the format, a row each: what the library does with it (golden/safetensors, by the library itself)
/// and what is done here, which is never more permissive.
@Suite struct SafeTensorsEdgeTests {
  struct Edge: Sendable, CustomTestStringConvertible {
    let title: String
    /// Names in golden/safetensors/files.
    let files: [String]
    let isAcceptedByTheLibrary: Bool
    /// The code words of the refusal; none where the file is read.
    let codes: Set<String>
    var testDescription: String { title }

    static func both(_ title: String, _ files: String...) -> Edge {
      Edge(title: title, files: files, isAcceptedByTheLibrary: true, codes: [])
    }

    static func neither(_ title: String, _ codes: Set<String>, _ files: String...) -> Edge {
      Edge(title: title, files: files, isAcceptedByTheLibrary: false, codes: codes)
    }

    static func stricter(_ title: String, _ code: String, _ files: String...) -> Edge {
      Edge(title: title, files: files, isAcceptedByTheLibrary: true, codes: [code])
    }
  }

  static let edges: [Edge] = [
    .both("no tensors, with metadata or without", "empty_header", "metadata_only"),
    .neither("N = 0", ["ST-JSON"], "length_zero"),
    .both("blanks and line ends before the object", "leading_blanks"),
    .both("blanks and line ends after it", "trailing_blanks", "padded_with_spaces"),
    .neither(
      "NUL or anything else after it", ["ST-JSON"], "nul_padding", "text_after_object",
      "second_object", "comment"),
    .neither("byte order mark", ["ST-JSON"], "byte_order_mark"),
    .neither("an array", ["ST-JSON"], "root_array", "root_null", "root_string"),
    .stricter(
      "a name twice, the same entry", "ST-DUP", "duplicate_name_same_range",
      "duplicate_name_escaped", "duplicate_name_other_dtype"),
    .neither("a name twice, other ranges", ["ST-DUP"], "duplicate_name_other_range"),
    .neither(
      "metadata twice, a field twice", ["ST-DUP"], "duplicate_metadata", "duplicate_field"),
    .stricter("a key twice in metadata", "ST-DUP", "duplicate_metadata_key"),
    .both("an unknown field in an entry", "unknown_field"),
    .stricter("an entry written as an array", "ST-FIELD", "entry_as_array"),
    .stricter("metadata null", "ST-META", "metadata_null"),
    .neither(
      "metadata that is no map of strings", ["ST-META"], "metadata_number", "metadata_nested",
      "metadata_array"),
    .neither(
      "sizes that are no whole numbers", ["ST-SHAPE", "ST-FIELD"], "shape_fraction",
      "shape_exponent", "shape_negative", "shape_2_64", "shape_string"),
    .neither("dtypes in lower case or unknown", ["ST-DTYPE"], "dtype_lower_case", "dtype_unknown"),
    .both("no dimension, a dimension of 0", "scalar", "zero_dimension"),
    .both("an empty tensor at a boundary", "zero_dimension_at_boundary"),
    .neither("an empty tensor elsewhere", ["ST-OFFSET"], "zero_inside_another"),
    .stricter("an overflow behind a 0", "ST-OVERFLOW", "zero_then_overflow"),
    .neither(
      "an overflow before a 0", ["ST-OVERFLOW"], "overflow_then_zero", "shape_overflow_to_0",
      "shape_overflow_to_4"),
    .stricter("an empty name", "ST-NAME", "empty_name"),
    .stricter(
      "NUL and other control characters in a name", "ST-NAME", "name_with_nul", "name_with_escape"),
    .neither("half a surrogate pair", ["ST-JSON"], "lone_surrogate_escape"),
    .neither("offsets that are not two", ["ST-OFFSET"], "offsets_three", "offsets_one"),
    .both("a tensor at an odd place", "unaligned_f32"),
  ]

  @Test(arguments: edges) func isTreatedAsTheRowSays(_ edge: Edge) throws {
    let path = Checkout.path("golden/safetensors/conformance/case.json")
    let golden = try JSONValue.parse(try InputFile(path).readAll(limit: 1 << 20))
    for name in edge.files {
      let verdict = golden["expected"]?["files"]?[name]?["reference"]?.stringValue
      #expect(verdict == (edge.isAcceptedByTheLibrary ? "accept" : "refuse"), "\(name)")
      let found = fault { () throws(Fault) in
        try SafeTensorsFile.open(Checkout.path("golden/safetensors/files/\(name).safetensors"))
      }
      if edge.codes.isEmpty {
        #expect(found == nil, "\(name): \(found?.line ?? "")")
      } else {
        #expect(
          found.map { edge.codes.contains($0.code) } == true, "\(name): \(found?.code ?? "read")")
      }
    }
  }

  // MARK: - Large files

  /// A file of 5 GB, nearly all hole: only what is asked for is read.
  @Test func sparseFilesCostWhatIsRead() throws {
    try withTemporaryDirectory { folder in
      typealias B = SafeTensorsBytes
      let size = 5 << 30
      let header = B.file(
        "{\(B.entry("hole", dtype: "\"U8\"", shape: "[\(size)]", offsets: "[0,\(size)]")),"
          + "\(B.entry("w", offsets: "[\(size),\(size + 4)]"))}")
      let path = Paths.join(folder, "large.safetensors")
      try AtomicFile.write(path, bytes: header)
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try handle.seek(toOffset: UInt64(header.count + size))
      try handle.write(contentsOf: Data([0, 0, 0x80, 0x3f]))
      try handle.close()
      let file = try SafeTensorsFile.open(path)
      #expect(try file.floats(of: file.tensor("w")) == [1])
    }
  }

  @Test func metadataOfMegabytesIsKeptOnce() throws {
    let text = String(repeating: "x", count: 8 << 20)
    let file = try SafeTensorsFile(
      bytes: SafeTensorsBytes.file("{\"__metadata__\":{\"k\":\"\(text)\"}}"))
    #expect(file.metadata["k"]?.stringValue?.utf8.count == 8 << 20)
    try withCheckpoint(
      SafeTensorsBytes.file("{\"__metadata__\":{\"k\":\"\(text)\"}}"), named: "m.safetensors"
    ) { checkpoint in
      // People are shown the beginning.
      #expect(checkpoint.metadata["k"]?.stringValue?.utf8.count == 1027)
    }
  }

  /// The longest header that the format allows, nearly all blanks.
  @Test func hundredMillionBlanksAreRead() throws {
    var header = [UInt8](repeating: 0x20, count: 100_000_000)
    header.replaceSubrange(0..<2, with: Array("{}".utf8))
    #expect(try SafeTensorsFile(bytes: SafeTensorsBytes.file(header)).tensors.isEmpty)
  }
}
