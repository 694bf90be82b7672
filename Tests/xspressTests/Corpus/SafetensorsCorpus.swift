import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport

/// Items 1 to 50: one damaged safetensors file each.
extension CorpusCase {
  private typealias B = SafeTensorsBytes
  private static let name = "model.safetensors"

  /// Refusals that concern an entry name it.
  private static let codesOfEntries: Set<String> = [
    "ST-FIELD", "ST-DTYPE", "ST-SHAPE", "ST-OVERFLOW", "ST-RANK", "ST-SIZE", "ST-OFFSET",
  ]

  static let safetensors: [CorpusCase] =
    SafeTensorsDefect.all.map { defect in
      file(
        defect.item, defect.name, 65, defect.code,
        names: codesOfEntries.contains(defect.code) ? ["tensor \""] : [], as: name
      ) { defect.bytes }
    } + safetensorsBeyond + safetensorsAccepted

  private static let safetensorsBeyond: [CorpusCase] =
    [
      file(18, "name of 50 MB", 65, "ST-NAME", names: ["more than 4096 bytes"], as: name) {
        B.one(String(repeating: "n", count: 50_000_000))
      },
      CorpusCase(
        30, "weights of integers", 69, "ST-DTYPE", names: [name, "tensor \"", "I32"]
      ) { folder in
        let model = Paths.join(folder, "model")
        try FileManager.default.copyItem(atPath: TinyLlama.folder, toPath: model)
        let path = Paths.join(model, name)
        var bytes = try InputFile(path).readAll(limit: 1 << 20)
        while let place = bytes.firstRange(of: Array("\"F32\"".utf8)) {
          bytes.replaceSubrange(place, with: Array("\"I32\"".utf8))
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return convert(base: model, in: folder)
      },
      CorpusCase(47, "ZIP's first bytes, a length of 10^18", 69, "FILE-FORMAT", names: [name]) {
        folder in
        let path = Paths.join(folder, name)
        try Data(Array("PK\u{3}\u{4}".utf8) + [0, 0, 0, 0x10] + Array("{}".utf8))
          .write(to: URL(fileURLWithPath: path))
        return convert(base: path, in: folder)
      },
      file(47, "GGUF's first bytes", 65, "GG-TRUNC", as: name) {
        Array("GGUF".utf8) + [3, 0, 0, 0] + Array("{}".utf8)
      },
    ]
    + [8, 9, 40, 100, 150, 161].map { count in
      file(
        45, "the first \(count) bytes of 162", 65, count < 152 ? "ST-HDRLEN" : "ST-TRUNC", as: name
      ) {
        Array(try example().prefix(count))
      }
    }

  /// Two tensors of 10 bytes behind a header of 144.
  private static func example() throws -> [UInt8] {
    var writer = SafeTensorsWriter(metadata: [(key: "format", value: "pt")])
    try writer.add("w", shape: [1, 2], floats: [1, -2])
    try writer.add("h", dtype: .bf16, shape: [1], floats: [0.5])
    return try writer.bytes()
  }

  private static let safetensorsAccepted: [CorpusCase] = [
    accepted(8, "a header of 20 MB of blanks", ["0 tensors"]) {
      B.file([UInt8](repeating: 0x20, count: 20_000_000) + Array("{}".utf8))
    },
    accepted(21, "names that only normalisation makes equal", ["2 tensors"]) {
      B.file(
        "{\(B.entry("caf\u{e9}")),\(B.entry("cafe\u{301}", offsets: "[4,8]"))}",
        data: [UInt8](repeating: 0, count: 8))
    },
    accepted(25, "20 MB of metadata") {
      let long = String(repeating: "m", count: 20_000_000)
      return B.file(
        "{\"__metadata__\":{\"a\":\"\(long)\"},\(B.entry())}", data: [0, 0, 0, 0])
    },
    accepted(29, "names that look like paths", ["../../etc/cron.d/x", "/abs", "a/b"]) {
      B.file(
        "{\(B.entry("../../etc/cron.d/x")),\(B.entry("/abs", offsets: "[4,8]")),"
          + "\(B.entry("a/b", offsets: "[8,12]"))}", data: [UInt8](repeating: 0, count: 12))
    },
    accepted(32, "another member in an entry") {
      B.file(
        "{\"w\":{\"x\":[1],\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        data: [0, 0, 0, 0])
    },
    accepted(37, "empty and scalar tensors", ["3 tensors", "[2, 0]"]) {
      B.file(
        "{\(B.entry("e", shape: "[2,0]", offsets: "[0,0]")),\(B.entry("s", shape: "[]")),"
          + "\(B.entry("z", shape: "[0]", offsets: "[4,4]"))}", data: [0, 0, 0x80, 0x3f])
    },
    CorpusCase(48, "5 GB of data, none of it written", 0, nil, names: ["5000000000"]) { folder in
      let path = Paths.join(folder, name)
      let bytes = B.one(
        dtype: "\"U8\"", shape: "[5000000000]", offsets: "[0,5000000000]", data: 0)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      guard truncate(path, bytes.count + 5_000_000_000) == 0 else {
        throw CocoaError(.fileWriteUnknown)
      }
      return ["inspect", path, "--json"]
    },
    accepted(50, "a BOOL of 2, an F8 that is no number", ["BOOL", "F8_E4M3"]) {
      B.file(
        "{\(B.entry("b", dtype: "\"BOOL\"", offsets: "[0,1]")),"
          + "\(B.entry("f", dtype: "\"F8_E4M3\"", offsets: "[1,2]"))}", data: [2, 0x7f])
    },
  ]

  private static func accepted(
    _ item: Int, _ what: String, _ names: [String] = [],
    _ bytes: @escaping @Sendable () throws -> [UInt8]
  ) -> CorpusCase {
    CorpusCase(item, what, 0, nil, names: names) { folder in
      let path = Paths.join(folder, name)
      try Data(bytes()).write(to: URL(fileURLWithPath: path))
      return ["inspect", path]
    }
  }
}
