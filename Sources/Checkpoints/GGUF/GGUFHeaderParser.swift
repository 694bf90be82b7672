internal import Faults

/// Parses and checks the header of a GGUF file (`formats/gguf.md` §2 to §4).
///
/// The reader is iterative, and its work and memory are bounded by the bytes of the header.
struct GGUFHeaderParser {
  /// Limits of this reader; files beyond them are refused (`formats/gguf.md` §8).
  enum Limit {
    static let metadataEntries = 1 << 16
    static let tensors = 1 << 20
    static let keyBytes = 65_535
    static let stringBytes = 1 << 24
    static let nameBytes = 63
    static let dimensions = 4
    static let alignment = 65_536
  }

  private var cursor: GGUFCursor

  init(byteCount: Int, read: @escaping GGUFCursor.Read) {
    cursor = GGUFCursor(byteCount: byteCount, read: read)
  }

  /// The header of the file.
  mutating func parse() throws(Fault) -> GGUFHeader {
    let version = try parseVersion()
    let tensorCount = try parseCount("tensor count", minimumBytes: 24, limit: Limit.tensors)
    let entryCount = try parseCount(
      "metadata count", minimumBytes: 13, limit: Limit.metadataEntries)
    let (metadata, valueRanges) = try parseMetadata(entryCount)
    let alignment = try self.alignment(in: metadata)
    let table = try GGUFTensorTable.parse(&cursor, count: tensorCount)
    if table.hasBlocks { try checkQuantizationVersion(metadata) }
    let dataOffset = Self.padded(cursor.offset, to: alignment)
    let tensors = try table.placed(
      dataOffset: dataOffset, alignment: alignment, byteCount: cursor.byteCount)
    return GGUFHeader(
      version: version, metadata: metadata, valueRanges: valueRanges, tensors: tensors,
      alignment: alignment, dataOffset: dataOffset)
  }

  /// `offset`, a place in a file, rounded up to a multiple of `alignment`.
  static func padded(_ offset: Int, to alignment: Int) -> Int {
    let excess = offset % alignment
    return excess == 0 ? offset : offset + (alignment - excess)
  }

  // MARK: - Start of the file

  private mutating func parseVersion() throws(Fault) -> UInt32 {
    let magic = try cursor.bytes(4, "magic")
    guard magic == Array("GGUF".utf8) else { throw Self.magicFault(magic) }
    let version = try cursor.u32("version")
    switch version {
    case 2, 3: return version
    case 0, 1: throw Fault(.unsupported, "GG-VERSION", "GGUF version \(version) is too old")
    default: break
    }
    if version & 0xffff == 0 {
      throw Fault(.unsupported, "GG-VERSION", "the file is big-endian; convert it first")
    }
    throw Fault(.unsupported, "GG-VERSION", "GGUF version \(version) is newer than 3")
  }

  private static func magicFault(_ magic: [UInt8]) -> Fault {
    let legacy = ["lmgg", "tjgg", "fmgg", "algg", "GGML", "ggml", "ggjt", "ggmf", "ggla"]
    if legacy.contains(where: { Array($0.utf8) == magic }) {
      return Fault(.unsupported, "GG-MAGIC", "legacy GGML file; convert it to GGUF first")
    }
    let hex = magic.map { String($0, radix: 16) }.joined(separator: " ")
    return Fault(.badData, "GG-MAGIC", "starts with bytes \(hex), not GGUF")
  }

  /// A count from the file, refused unless that many smallest entries fit in what remains.
  private mutating func parseCount(
    _ what: String, minimumBytes: Int, limit: Int
  ) throws(Fault) -> Int {
    let raw = try cursor.u64(what)
    guard let count = Int(exactly: raw), count <= cursor.remaining / minimumBytes else {
      throw Fault(
        .badData, "GG-COUNT",
        "\(what) \(raw) needs at least \(minimumBytes) bytes each, \(cursor.remaining) remain")
    }
    guard count <= limit else {
      throw Fault(.unsupported, "GG-COUNT", "\(what) \(count) is over the limit of \(limit)")
    }
    return count
  }

  // MARK: - Metadata

  private mutating func parseMetadata(
    _ count: Int
  ) throws(Fault) -> (entries: [(key: String, value: GGUFValue)], valueRanges: [Range<Int>]) {
    var metadata: [(key: String, value: GGUFValue)] = []
    var valueRanges: [Range<Int>] = []
    metadata.reserveCapacity(count)
    var seen = Set<[UInt8]>(minimumCapacity: count)
    for index in 0..<count {
      let key = try parseKey(index)
      guard seen.insert(Array(key.utf8)).inserted else {
        throw Fault(.badData, "GG-DUP", "key \"\(key)\" occurs twice")
      }
      let start = cursor.offset
      let type = try parseValueType(key)
      metadata.append((key, try parseValue(type, key)))
      valueRanges.append(start..<cursor.offset)
    }
    return (metadata, valueRanges)
  }

  private mutating func parseKey(_ index: Int) throws(Fault) -> String {
    let length = try cursor.u64("length of key \(index)")
    guard let count = Int(exactly: length), count <= cursor.remaining, count <= Limit.keyBytes
    else {
      throw Fault(
        .badData, "GG-STR",
        "key \(index) is \(length) bytes long; at most \(Limit.keyBytes) are allowed and "
          + "\(cursor.remaining) remain")
    }
    let bytes = try cursor.bytes(count, "key \(index)")
    guard !bytes.isEmpty else { throw Fault(.badData, "GG-KEY", "key \(index) is empty") }
    guard let key = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw Fault(.badData, "GG-KEY", "key \(index) is not UTF-8 text without NUL")
    }
    return key
  }

  private mutating func parseValueType(_ key: String) throws(Fault) -> GGUFValueType {
    let raw = try cursor.u32("value type of \(key)")
    guard let type = GGUFValueType(rawValue: raw) else {
      throw Fault(.badData, "GG-KVTYPE", "\(key) has value type \(raw); types are 0 to 12")
    }
    return type
  }

  private mutating func parseValue(
    _ type: GGUFValueType, _ key: String
  ) throws(Fault) -> GGUFValue {
    switch type {
    case .u8: .unsigned(UInt64(try cursor.u8(key)))
    case .i8: .signed(Int64(Int8(bitPattern: try cursor.u8(key))))
    case .u16: .unsigned(UInt64(try cursor.u16(key)))
    case .i16: .signed(Int64(Int16(bitPattern: try cursor.u16(key))))
    case .u32: .unsigned(UInt64(try cursor.u32(key)))
    case .i32: .signed(Int64(Int32(bitPattern: try cursor.u32(key))))
    case .u64: .unsigned(try cursor.u64(key))
    case .i64: .signed(Int64(bitPattern: try cursor.u64(key)))
    case .f32: .number(Double(Float(bitPattern: try cursor.u32(key))))
    case .f64: .number(Double(bitPattern: try cursor.u64(key)))
    case .bool: .bool(try parseBool(key))
    case .string: .string(try parseString(key))
    case .array: .array(try parseArray(key))
    }
  }

  private mutating func parseBool(_ key: String) throws(Fault) -> Bool {
    let byte = try cursor.u8(key)
    guard byte < 2 else { throw Fault(.badData, "GG-BOOL", "\(key) is a bool of \(byte)") }
    return byte == 1
  }

  private mutating func parseString(_ key: String) throws(Fault) -> [UInt8] {
    let length = try cursor.u64("length of \(key)")
    guard let count = Int(exactly: length), count <= cursor.remaining else {
      throw Fault(
        .badData, "GG-STR", "\(key) is \(length) bytes long, \(cursor.remaining) remain")
    }
    guard count <= Limit.stringBytes else {
      throw Fault(
        .unsupported, "GG-STR", "\(key) is \(count) bytes long, over \(Limit.stringBytes)")
    }
    return try cursor.bytes(count, key)
  }

  private mutating func parseArray(_ key: String) throws(Fault) -> GGUFArray {
    let type = try parseValueType(key)
    let raw = try cursor.u64("count of \(key)")
    guard type != .array else {
      throw Fault(.unsupported, "GG-NEST", "\(key) is an array of arrays")
    }
    guard let count = Int(exactly: raw), count <= cursor.remaining / type.minimumBytes else {
      throw Fault(
        .badData, "GG-ARR",
        "\(key) has \(raw) elements of at least \(type.minimumBytes) bytes, "
          + "\(cursor.remaining) remain")
    }
    let start = cursor.offset
    if type == .string {
      for index in 0..<count {
        let length = try cursor.u64("length of \(key)[\(index)]")
        guard let size = Int(exactly: length), size <= cursor.remaining else {
          throw Fault(
            .badData, "GG-STR",
            "\(key)[\(index)] is \(length) bytes long, \(cursor.remaining) remain")
        }
        cursor.skip(size)
      }
    } else {
      // No overflow: count was compared with the bytes that remain, divided by the element size.
      cursor.skip(count * type.minimumBytes)
    }
    return GGUFArray(
      elementType: type, count: count, byteOffset: start, byteCount: cursor.offset - start)
  }

  /// Layouts of blocks have changed; a file that says which must say today's.
  private func checkQuantizationVersion(
    _ metadata: [(key: String, value: GGUFValue)]
  ) throws(Fault) {
    guard let entry = metadata.first(where: { $0.key == "general.quantization_version" }) else {
      return
    }
    guard entry.value.integer == 2 else {
      let found = entry.value.integer.map(String.init) ?? "no integer"
      throw Fault(
        .unsupported, "GG-QUANT",
        "general.quantization_version is \(found); blocks of version 2 are decoded")
    }
  }

  /// `general.alignment`, 32 where absent.
  private func alignment(
    in metadata: [(key: String, value: GGUFValue)]
  ) throws(Fault) -> Int {
    guard let entry = metadata.first(where: { $0.key == "general.alignment" }) else { return 32 }
    guard case .unsigned(let raw) = entry.value, let value = Int(exactly: raw),
      value > 0, value <= Limit.alignment, value & (value - 1) == 0
    else {
      throw Fault(
        .badData, "GG-ALIGN",
        "general.alignment must be an unsigned power of two up to \(Limit.alignment)")
    }
    return value
  }
}
