import Checkpoints
import Faults
import TestSupport
import Testing

/// One file per check of the header reader (`formats/gguf.md` §2 to §4).
@Suite struct GGUFRejectionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var code: String
    var kind: Fault.Kind
    var change: @Sendable (inout GGUFBuilder) -> Void

    init(
      _ name: String, _ code: String, _ kind: Fault.Kind = .badData,
      _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
    ) {
      testDescription = name
      self.code = code
      self.kind = kind
      self.change = change
    }
  }

  @Test(arguments: header + metadata + tensors)
  func refuses(_ item: Case) throws {
    var builder = GGUFBuilder.small()
    item.change(&builder)
    let found = fault { try withCheckpoint(builder.bytes()) { _ in } }
    #expect(found?.code == item.code, "\(String(describing: found))")
    #expect(found?.kind == item.kind)
    #expect(found?.path != nil)
    let line = found?.line ?? ""
    #expect(line.utf8.count <= 400 && !line.contains("\n"))
  }

  static let header: [Case] = [
    Case("version 0", "GG-VERSION", .unsupported) { $0.version = 0 },
    Case("version 1", "GG-VERSION", .unsupported) { $0.version = 1 },
    Case("version 4", "GG-VERSION", .unsupported) { $0.version = 4 },
    Case("version 2³¹", "GG-VERSION", .unsupported) { $0.version = 1 << 31 },
    Case("big-endian", "GG-VERSION", .unsupported) { $0.version = UInt32(3).byteSwapped },
    Case("tensor count −1", "GG-COUNT") { $0.tensorCount = .max },
    Case("tensor count 2⁴⁰", "GG-COUNT") { $0.tensorCount = 1 << 40 },
    Case("tensor count one too many", "GG-COUNT") { $0.tensorCount = 3 + 1 << 20 },
    Case("metadata count −1", "GG-COUNT") { $0.entryCount = .max },
    Case("metadata count 10⁸", "GG-COUNT") { $0.entryCount = 100_000_000 },
  ]

  static let metadata: [Case] = [
    Case("key of 2⁶⁴−1 bytes", "GG-STR") { builder in
      builder.entries = []
      builder.entryCount = 1
      builder.magic += GGUFBuilder.little(UInt32(3)) + GGUFBuilder.little(UInt64(0))
      builder.magic += GGUFBuilder.little(UInt64(1)) + GGUFBuilder.little(UInt64.max)
    },
    Case("key of 70 000 bytes", "GG-STR") {
      $0.add(String(repeating: "k", count: 70_000), u32: 1)
    },
    Case("empty key", "GG-KEY") { $0.add("", u32: 1) },
    Case("key not UTF-8", "GG-KEY") {
      $0.add("kk", u32: 0)
      $0.entries[$0.entries.count - 1].key = [0xc0, 0x80]
    },
    Case("key with NUL", "GG-KEY") { $0.add("a\0b", u32: 1) },
    Case("key twice", "GG-DUP") { $0.add("other.flag", u32: 1) },
    Case("value type 13", "GG-KVTYPE") { $0.add("x", raw: 13, [0]) },
    Case("value type −1", "GG-KVTYPE") { $0.add("x", raw: .max, [0]) },
    Case("bool of 2", "GG-BOOL") { $0.add("x", raw: 7, [2]) },
    Case("string of 2⁶³ bytes", "GG-STR") {
      $0.add("x", raw: 8, GGUFBuilder.little(UInt64(1) << 63))
    },
    Case("array of u8, 2⁶³ of them", "GG-ARR") {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(0)) + GGUFBuilder.little(UInt64(1) << 63))
    },
    Case("array of strings, 2³⁰ of them", "GG-ARR") {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(8)) + GGUFBuilder.little(UInt64(1) << 30))
    },
    Case("array of i64, bytes wrap", "GG-ARR") {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(11)) + GGUFBuilder.little(UInt64(1) << 61))
    },
    Case("string in an array too long", "GG-STR") {
      $0.add(
        "x", raw: 9,
        GGUFBuilder.little(UInt32(8)) + GGUFBuilder.little(UInt64(1))
          + GGUFBuilder.little(UInt64(1) << 40))
    },
    Case("array of type 13", "GG-KVTYPE") {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(13)) + GGUFBuilder.little(UInt64(1)))
    },
    Case("array of arrays", "GG-NEST", .unsupported) {
      $0.add("x", raw: 9, GGUFBuilder.little(UInt32(9)) + GGUFBuilder.little(UInt64(1)))
    },
    Case("alignment 0", "GG-ALIGN") { $0.add("general.alignment", u32: 0) },
    Case("alignment twice", "GG-DUP") {
      $0.add("general.alignment", u32: 32)
      $0.add("general.alignment", u32: 32)
    },
    Case("alignment 13", "GG-ALIGN") { $0.add("general.alignment", u32: 13) },
    Case("alignment 2³¹", "GG-ALIGN") { $0.add("general.alignment", u32: 1 << 31) },
    Case("alignment i32", "GG-ALIGN") { $0.add("general.alignment", raw: 5, [32, 0, 0, 0]) },
    Case("alignment string", "GG-ALIGN") { $0.add("general.alignment", string: "32") },
    Case("offsets of another alignment", "GG-OFFSET") {
      $0.add("general.alignment", u32: 64)
    },
  ]

  static let tensors: [Case] = [
    Case("empty name", "GG-NAME") { $0.tensors[0].name = [] },
    Case("name of 64 bytes", "GG-NAME", .unsupported) {
      $0.tensors[0].name = [UInt8](repeating: 0x6e, count: 64)
    },
    Case("name not UTF-8", "GG-NAME") { $0.tensors[0].name = [0xff] },
    Case("name with ESC", "GG-NAME") { $0.tensors[0].name = [0x1b, 0x5b] },
    Case("name twice", "GG-DUP") { $0.tensors[1].name = $0.tensors[0].name },
    Case("a block without dimensions", "GG-BLOCK") {
      $0.tensors[0].sizes = []
      $0.tensors[0].type = 8
    },
    Case("5 dimensions", "GG-NDIMS") { $0.tensors[0].sizes = [8, 1, 1, 1, 1] },
    Case("2³²−1 dimensions", "GG-NDIMS") { $0.tensors[0].dimensionCount = .max },
    Case("dimension −1", "GG-SHAPE") { $0.tensors[0].sizes = [.max, 1] },
    Case("2³² × 2³² of I8", "GG-OVERFLOW") {
      $0.tensors[0].type = 24
      $0.tensors[0].sizes = [1 << 32, 1 << 32]
    },
    Case("wraps negative", "GG-OVERFLOW") {
      $0.tensors[0].sizes = [4 * (1 << 31 - 1), 4 * (1 << 31 - 1)]
    },
    Case("2⁶² of F32", "GG-OVERFLOW") { $0.tensors[0].sizes = [1 << 62] },
    Case("2⁶² elements and a zero", "GG-OVERFLOW") { $0.tensors[0].sizes = [1 << 62, 0, 4] },
    Case("padding wraps", "GG-OVERFLOW") { $0.tensors[0].sizes = [1 << 61 - 1] },
    Case("sum of sizes wraps", "GG-OVERFLOW") {
      for index in 0..<2 {
        $0.tensors[index].type = 24
        $0.tensors[index].sizes = [1 << 63 - 64]
      }
    },
    Case("type 4, removed", "GG-TYPE", .unsupported) { $0.tensors[0].type = 4 },
    Case("type 43", "GG-TYPE") { $0.tensors[0].type = 43 },
    Case("type −1", "GG-TYPE") { $0.tensors[0].type = .max },
    Case("row of 33 in Q4_0", "GG-BLOCK") {
      $0.tensors[0].type = 2
      $0.tensors[0].sizes = [33, 1]
    },
    Case("rows of 16 in Q4_0", "GG-BLOCK") {
      $0.tensors[0].type = 2
      $0.tensors[0].sizes = [16, 2]
    },
    Case("offset 2⁶⁴−32", "GG-OFFSET") { $0.tensors[0].offset = .max - 31 },
    Case("offset unaligned", "GG-OFFSET") { $0.tensors[1].offset = 33 },
    Case("overlap", "GG-OFFSET") { $0.tensors[1].offset = 0 },
    Case("gap", "GG-OFFSET") { $0.tensors[1].offset = 64 },
    Case("one byte short", "GG-TRUNC") {
      $0.tensors[1].data.removeLast()
      $0.trailing = []
    },
  ]

  @Test(arguments: ["FUGG", "\u{0}\u{0}\u{0}\u{0}"])
  func refusesOtherMagic(_ magic: String) throws {
    var builder = GGUFBuilder.small()
    builder.magic = Array(magic.utf8)
    // Not GGUF by content, so it is judged as safetensors, whatever its name.
    let found = fault { try withCheckpoint(builder.bytes()) { _ in } }
    #expect(found?.kind == .badData)
  }

  @Test func refusesLegacyFiles() throws {
    var builder = GGUFBuilder.small()
    builder.magic = Array("tjgg".utf8)
    let found = fault { try withCheckpoint(builder.bytes()) { _ in } }
    #expect(found?.kind == .unsupported, "\(String(describing: found))")
  }
}
