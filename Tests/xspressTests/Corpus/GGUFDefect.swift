import Faults
import TestSupport

/// A defect of a GGUF file, the item of `formats/corpus.md` that it stands for, and the code word of its refusal.
///
/// More of each kind are in `GGUFRejectionTests`.
struct GGUFDefect: Sendable, CustomStringConvertible {
  /// The item of the corpus.
  let item: Int
  /// The defect in few words.
  let name: String
  /// The code word.
  let code: String
  /// What the refusal is, which decides its exit code.
  let kind: Fault.Kind
  /// Puts the defect into `GGUFBuilder.small()`.
  let change: @Sendable (inout GGUFBuilder) -> Void

  /// What a test is called that takes it.
  var description: String { "\(item) \(name): \(code)" }

  private init(
    _ item: Int, _ name: String, _ code: String, _ kind: Fault.Kind = .badData,
    _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
  ) {
    (self.item, self.name, self.code) = (item, name, code)
    (self.kind, self.change) = (kind, change)
  }

  /// All of them.
  static let all = header + metadata + tensors

  static let header: [GGUFDefect] = [
    GGUFDefect(53, "version 0", "GG-VERSION", .unsupported) { $0.version = 0 },
    GGUFDefect(55, "tensor count −1", "GG-COUNT") { $0.tensorCount = .max },
    GGUFDefect(56, "metadata count −1", "GG-COUNT") { $0.entryCount = .max },
  ]

  static let metadata: [GGUFDefect] = [
    GGUFDefect(59, "key of 2⁶⁴−1 bytes", "GG-STR") { builder in
      builder.entries = []
      builder.entryCount = 1
      builder.magic += GGUFBuilder.little(UInt32(3)) + GGUFBuilder.little(UInt64(0))
      builder.magic += GGUFBuilder.little(UInt64(1)) + GGUFBuilder.little(UInt64.max)
    },
    GGUFDefect(60, "empty key", "GG-KEY") { $0.add("", u32: 1) },
    GGUFDefect(61, "key twice", "GG-DUP") { $0.add("other.flag", u32: 1) },
    GGUFDefect(62, "value type 13", "GG-KVTYPE") { $0.add("x", raw: 13, [0]) },
    GGUFDefect(63, "bool of 2", "GG-BOOL") { $0.add("x", raw: 7, [2]) },
    GGUFDefect(64, "string of 2⁶³ bytes", "GG-STR") {
      $0.add("x", raw: 8, GGUFBuilder.little(UInt64(1) << 63))
    },
    GGUFDefect(65, "array of u8, 2⁶³ of them", "GG-ARR") {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(0)) + GGUFBuilder.little(UInt64(1) << 63))
    },
    GGUFDefect(66, "array of strings, 2³⁰ of them", "GG-ARR") {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(8)) + GGUFBuilder.little(UInt64(1) << 30))
    },
    GGUFDefect(66, "string in an array too long", "GG-STR") {
      $0.add(
        "x", raw: 9,
        GGUFBuilder.little(UInt32(8)) + GGUFBuilder.little(UInt64(1))
          + GGUFBuilder.little(UInt64(1) << 40))
    },
    GGUFDefect(67, "array of type 13", "GG-KVTYPE") {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(13)) + GGUFBuilder.little(UInt64(1)))
    },
    GGUFDefect(68, "array of arrays", "GG-NEST", .unsupported) {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(9)) + GGUFBuilder.little(UInt64(1)))
    },
    GGUFDefect(74, "alignment 0", "GG-ALIGN") { $0.add("general.alignment", u32: 0) },
    GGUFDefect(75, "alignment 2¹⁷", "GG-ALIGN") { $0.add("general.alignment", u32: 1 << 17) },
    GGUFDefect(76, "alignment i32", "GG-ALIGN") {
      $0.add("general.alignment", raw: 5, [32, 0, 0, 0])
    },
    GGUFDefect(78, "offsets of another alignment", "GG-OFFSET") {
      $0.add("general.alignment", u32: 64)
    },
  ]

  static let tensors: [GGUFDefect] = [
    GGUFDefect(79, "empty name", "GG-NAME") { $0.tensors[0].name = [] },
    GGUFDefect(79, "name of 64 bytes", "GG-NAME", .unsupported) {
      $0.tensors[0].name = [UInt8](repeating: 0x6e, count: 64)
    },
    GGUFDefect(80, "name twice", "GG-DUP") { $0.tensors[1].name = $0.tensors[0].name },
    GGUFDefect(82, "a block without dimensions", "GG-BLOCK") {
      $0.tensors[0].sizes = []
      $0.tensors[0].type = 8
    },
    GGUFDefect(82, "5 dimensions", "GG-NDIMS") { $0.tensors[0].sizes = [8, 1, 1, 1, 1] },
    GGUFDefect(83, "dimension −1", "GG-SHAPE") { $0.tensors[0].sizes = [.max, 1] },
    GGUFDefect(84, "2³² × 2³² of I8", "GG-OVERFLOW") {
      $0.tensors[0].type = 24
      $0.tensors[0].sizes = [1 << 32, 1 << 32]
    },
    GGUFDefect(85, "wraps negative", "GG-OVERFLOW") {
      $0.tensors[0].sizes = [4 * (1 << 31 - 1), 4 * (1 << 31 - 1)]
    },
    GGUFDefect(86, "2⁶² of F32", "GG-OVERFLOW") { $0.tensors[0].sizes = [1 << 62] },
    GGUFDefect(87, "sum of sizes wraps", "GG-OVERFLOW") {
      for index in 0..<2 {
        $0.tensors[index].type = 24
        $0.tensors[index].sizes = [1 << 63 - 64]
      }
    },
    GGUFDefect(88, "type 4, removed", "GG-TYPE", .unsupported) { $0.tensors[0].type = 4 },
    GGUFDefect(88, "type 999", "GG-TYPE") { $0.tensors[0].type = 999 },
    GGUFDefect(89, "row of 33 in Q4_0", "GG-BLOCK") {
      $0.tensors[0].type = 2
      $0.tensors[0].sizes = [33, 1]
    },
    GGUFDefect(91, "offset 2⁶⁴−32", "GG-OFFSET") { $0.tensors[0].offset = .max - 31 },
    GGUFDefect(92, "offset unaligned", "GG-OFFSET") { $0.tensors[1].offset = 33 },
    GGUFDefect(93, "overlap", "GG-OFFSET") { $0.tensors[1].offset = 0 },
    GGUFDefect(92, "one byte short", "GG-TRUNC") {
      $0.tensors[1].data.removeLast()
      $0.trailing = []
    },
  ]
}
