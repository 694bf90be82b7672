import Checkpoints
import Compression
import Files
import Foundation
import JSON
import Tensors
import TestSupport

/// Items 144 to 157: our own artifacts, damaged.
extension CorpusCase {
  static let artifacts: [CorpusCase] = artifactFrames + artifactContents + artifactBases

  private static let name = "a.loraxs"

  private static func golden() throws -> [UInt8] {
    try InputFile(Checkout.path("golden/artifact/int4-top/artifact.loraxs")).readAll(limit: 1 << 20)
  }

  // MARK: - The frame

  /// The golden artifact, changed.
  private static func changed(
    _ item: Int, _ what: String, _ code: String,
    _ change: @escaping @Sendable ([UInt8]) throws -> [UInt8]
  ) -> CorpusCase {
    file(item, what, 65, code, as: name) { try change(golden()) }
  }

  /// A frame of one last block of three raw bytes, with a chosen header.
  private static func frame(_ descriptor: UInt8, _ fields: [UInt8], block: UInt8 = 0x19) -> [UInt8]
  {
    [0x28, 0xb5, 0x2f, 0xfd, descriptor] + fields + [block, 0, 0, 1, 2, 3, 0, 0, 0, 0]
  }

  /// A frame of zeros: blocks of one byte that stands for 128 KiB.
  private static func zeros(mebibytes: Int) -> [UInt8] {
    let count = mebibytes * 8
    let size: [UInt8] = GGUFBuilder.little(UInt32(mebibytes << 20))
    var bytes: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0xa4] + size
    for number in 0..<count {
      let header = UInt32(131_072 << 3 | 1 << 1 | (number == count - 1 ? 1 : 0))
      bytes += GGUFBuilder.little(header).prefix(3) + [0]
    }
    return bytes + [0, 0, 0, 0]
  }

  private static let artifactFrames: [CorpusCase] = [
    changed(144, "one byte short", "ART-TRUNC") { $0.dropLast() },
    changed(144, "half of it", "ART-TRUNC") { Array($0.prefix($0.count / 2)) },
    changed(144, "the frame's first bytes", "ART-TRUNC") { Array($0.prefix(9)) },
    CorpusCase(144, "0 bytes", 65, "ART-TRUNC", names: [name]) { folder in
      let path = Paths.join(folder, name)
      try Data().write(to: URL(fileURLWithPath: path))
      return ["verify", path]
    },
    changed(145, "a bit of the checksum", "ART-SUM") {
      var bytes = $0
      bytes[bytes.count - 1] ^= 1
      return bytes
    },
    changed(145, "no checksum", "ART-SUM") {
      // Its bit in the descriptor, and the bytes.
      var bytes = $0
      bytes[4] &= ~4
      return bytes.dropLast(4)
    },
    file(147, "1 GB of zeros in 32 KB", 65, "ART-SIZE", as: name) { zeros(mebibytes: 1024) },
    file(147, "100 MB of zeros in 3 KB", 65, "ST-JSON", as: name) { zeros(mebibytes: 100) },
    file(147, "200 MB in one window", 65, "ART-WINDOW", as: name) { zeros(mebibytes: 200) },
    file(148, "a frame that declares 1 TiB", 65, "ART-SIZE", as: name) {
      frame(0xe4, [0, 0, 0, 0, 0, 1, 0, 0])
    },
    file(148, "a frame that declares less than it holds", 65, "ART-ZSTD", as: name) {
      frame(0x24, [2])
    },
    file(148, "a frame of unknown size", 65, "ART-SIZE", as: name) { frame(0x04, [0x58]) },
    file(149, "a window of 2^31", 65, "ART-WINDOW", as: name) {
      frame(0x84, [21 << 3, 3, 0, 0, 0])
    },
    file(150, "a dictionary", 65, "ART-ZSTD", as: name) { frame(0x25, [9, 3]) },
    file(150, "a reserved bit", 65, "ART-ZSTD", as: name) { frame(0x2c, [3]) },
    file(150, "a reserved kind of block", 65, "ART-ZSTD", as: name) {
      frame(0x24, [3], block: 0x1f)
    },
    changed(151, "a byte behind the frame", "ART-TRAIL") { $0 + [0] },
    changed(151, "a second frame", "ART-TRAIL") { $0 + $0 },
    changed(151, "a skippable frame of 2^32-1 bytes", "ART-TRAIL") {
      $0 + [0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff]
    },
    CorpusCase(157, "a bit of the content, years later", 65, "ART-SUM", names: [name]) { folder in
      var bytes = try golden()
      bytes[bytes.count - 2] ^= 0x10
      let path = Paths.join(folder, name)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      return ["verify", path]
    },
  ]

  // MARK: - The content

  /// The golden artifact with its metadata passed through `change`, whole again as a frame.
  private static func metadata(
    _ item: Int, _ what: String, _ status: Int32, _ code: String, names: [String] = [],
    _ change: @escaping @Sendable (inout JSONObject) -> Void
  ) -> CorpusCase {
    file(item, what, status, code, names: names, as: name) {
      let file = try SafeTensorsFile(bytes: try Zstd.decompress(try golden(), limit: 1 << 24))
      let text = file.metadata["xspress"]?.stringValue ?? "{}"
      var about = try JSONValue.parse(text).objectValue ?? JSONObject()
      change(&about)
      var writer = SafeTensorsWriter(metadata: [
        (key: "format", value: "loraxs"), (key: "version", value: "1"),
        (key: "xspress", value: JSONValue.object(about).text()),
      ])
      for info in file.tensors {
        guard let dtype = DType(rawValue: info.dtypeName) else { continue }
        try writer.add(
          info.name, dtype: dtype, shape: info.shape, bytes: try file.bytes(of: info))
      }
      return try Zstd.compress(try writer.bytes(), level: 3)
    }
  }

  private static let artifactContents: [CorpusCase] = [
    changed(146, "a bit of the header, the checksum made anew", "ST-JSON") {
      var content = try Zstd.decompress($0, limit: 1 << 24)
      content[8] ^= 1
      return try Zstd.compress(content, level: 3)
    },
    changed(146, "a bit of the header's length, the checksum made anew", "ST-JSON") {
      var content = try Zstd.decompress($0, limit: 1 << 24)
      content[0] ^= 1
      return try Zstd.compress(content, level: 3)
    },
    metadata(152, "another version of the schema", 69, "ART-VERSION") {
      $0["schema"] = "xspress.artifact/2"
    },
    metadata(
      152, "a feature that must be known and is not", 69, "ART-VERSION", names: ["entropy-coder"]
    ) {
      $0["requires"] = ["entropy-coder"]
    },
    metadata(153, "one module less than there are latents", 65, "ART-SHAPE") {
      let modules = $0["modules"]?.arrayValue ?? []
      $0["modules"] = .array(Array(modules.dropLast()))
    },
  ]

  // MARK: - The base

  /// Another base: one bit of one weight is changed.
  private static func otherBase(in folder: String) throws -> String {
    let model = Paths.join(folder, "model")
    try FileManager.default.copyItem(atPath: TinyLlama.folder, toPath: model)
    let url = URL(fileURLWithPath: Paths.join(model, "model.safetensors"))
    var bytes = [UInt8](try Data(contentsOf: url))
    bytes[bytes.count - 4096] ^= 1
    try Data(bytes).write(to: url)
    return model
  }

  private static let artifactBases: [CorpusCase] = [
    CorpusCase(154, "verified against another base", 65, "ART-BASE", names: [name]) { folder in
      let path = Paths.join(folder, name)
      try Data(try golden()).write(to: URL(fileURLWithPath: path))
      return ["verify", path, "--base", try otherBase(in: folder)]
    },
    CorpusCase(154, "exported on another base", 65, "ART-BASE", names: [name]) { folder in
      let path = Paths.join(folder, name)
      try Data(try golden()).write(to: URL(fileURLWithPath: path))
      return [
        "export", path, "--base", try otherBase(in: folder), "--to", "peft", "-o",
        Paths.join(folder, "out"),
      ]
    },
  ]
}
