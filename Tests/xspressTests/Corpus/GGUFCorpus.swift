import Faults
import Files
import Foundation
import TestSupport

/// Items 51 to 97, what a GGUF file is by itself.
extension CorpusCase {
  private static let name = "model.gguf"

  static let gguf: [CorpusCase] =
    GGUFDefect.all.map { defect in
      file(defect.item, defect.name, defect.kind.rawValue, defect.code, as: name) {
        var builder = GGUFBuilder.small()
        defect.change(&builder)
        return builder.bytes()
      }
    } + ggufBeyond + ggufAccepted

  private static let ggufBeyond: [CorpusCase] = [
    small(51, "the magic backwards", 65, "ST-HDRMAX") { $0.magic = Array("FUGG".utf8) },
    small(51, "a GGML file of 2023", 69, "FILE-FORMAT") { $0.magic = Array("tjgg".utf8) },
    file(52, "four bytes", 65, "GG-TRUNC", as: name) { Array("GGUF".utf8) },
    file(52, "the first 14 bytes", 65, "GG-TRUNC", as: name) {
      Array(GGUFBuilder.small().bytes().prefix(14))
    },
    file(52, "the first 60 bytes", 65, "GG-COUNT", as: name) {
      Array(GGUFBuilder.small().bytes().prefix(60))
    },
    file(52, "the last 40 bytes missing", 65, "GG-TRUNC", as: name) {
      GGUFBuilder.small().bytes().dropLast(40)
    },
    small(96, "a scale that is no number", 65, "VAL-NAN", names: ["tensor \"q8\""], digest: true) {
      $0.add("q8", shape: [2, 32], type: 8, data: block(0x7e00))
    },
    small(96, "an infinite scale", 65, "VAL-NAN", names: ["tensor \"q8\""], digest: true) {
      $0.add("q8", shape: [2, 32], type: 8, data: block(0x7c00))
    },
  ]

  /// Two rows of Q8_0; the second's scale is `bits`.
  private static func block(_ bits: UInt16) -> [UInt8] {
    var block = [UInt8](repeating: 0x11, count: 68)
    block.replaceSubrange(34..<36, with: GGUFBuilder.little(bits))
    return block
  }

  private static let ggufAccepted: [CorpusCase] = [
    small(54, "version 2", 0, nil) { $0.version = 2 },
    small(57, "20 000 tensors", 0, nil, names: ["20002 tensors"]) {
      for index in 0..<20_000 { $0.add("t\(index)", shape: [1], floats: [1]) }
    },
    small(58, "no tensors", 0, nil, names: ["0 tensors"]) { $0.tensors = [] },
    small(73, "a template that is a program", 0, nil) {
      $0.add(
        "tokenizer.chat_template",
        string: "{{ cycler.__init__.__globals__.os.popen('touch owned').read() }}")
    },
    small(77, "alignment 4", 0, nil) {
      $0.alignment = 4
      $0.add("general.alignment", u32: 4)
    },
    small(77, "alignment 64", 0, nil) {
      $0.alignment = 64
      $0.add("general.alignment", u32: 64)
    },
    small(82, "no dimensions", 0, nil) { $0.add("scale", shape: [], floats: [2.5]) },
    small(83, "a dimension of 0", 0, nil, names: ["[4, 0]"]) {
      $0.tensors[1].sizes = [0, 4]
      $0.tensors[1].data = []
    },
    small(94, "1 MB behind the last tensor", 0, nil) {
      $0.trailing = [UInt8](repeating: 0x50, count: 1 << 20)
    },
    small(94, "no padding behind the last tensor", 0, nil) { $0.trailing = [] },
  ]

  /// The smallest file, changed.
  private static func small(
    _ item: Int, _ what: String, _ status: Int32, _ code: String?, names: [String] = [],
    digest: Bool = false, _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
  ) -> CorpusCase {
    CorpusCase(item, what, status, code, names: (code == nil ? [] : [name]) + names) { folder in
      var builder = GGUFBuilder.small()
      change(&builder)
      let path = Paths.join(folder, name)
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      return ["inspect", path] + (digest ? ["--digest"] : [])
    }
  }
}
