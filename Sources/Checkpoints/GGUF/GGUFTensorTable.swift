internal import Faults

/// The tensor table of a GGUF header: entries as read, then placed in the file
/// (`formats/gguf.md` §4).
struct GGUFTensorTable {
  private struct Entry {
    var name: String
    var type: GGUFTensorType
    var shape: [Int]
    var offset: UInt64
    var byteCount: Int
  }

  private var entries: [Entry] = []

  /// Whether any tensor is stored in blocks of several elements.
  var hasBlocks: Bool { entries.contains { $0.type.blockElements > 1 } }

  /// Reads `count` entries; the count was compared with the bytes that remain.
  static func parse(_ cursor: inout GGUFCursor, count: Int) throws(Fault) -> GGUFTensorTable {
    var table = GGUFTensorTable()
    table.entries.reserveCapacity(count)
    var seen = Set<[UInt8]>(minimumCapacity: count)
    for index in 0..<count {
      let name = try parseName(&cursor, index)
      guard seen.insert(Array(name.utf8)).inserted else {
        throw Fault(.badData, "GG-DUP", "the tensor occurs twice", tensor: name)
      }
      do throws(Fault) {
        table.entries.append(try parseEntry(&cursor, name))
      } catch {
        throw error.at(tensor: name)
      }
    }
    return table
  }

  /// The tensors with their places in the file, which must be the running sum of padded sizes.
  func placed(
    dataOffset: Int, alignment: Int, byteCount: Int
  ) throws(Fault) -> [GGUFTensor] {
    var running = 0
    var tensors: [GGUFTensor] = []
    tensors.reserveCapacity(entries.count)
    for entry in entries {
      guard entry.offset == UInt64(running) else {
        throw Fault(
          .badData, "GG-OFFSET",
          "offset \(entry.offset) is not \(running), the padded end of the tensors before it",
          tensor: entry.name)
      }
      let (start, startOverflow) = dataOffset.addingReportingOverflow(running)
      let (stop, stopOverflow) = start.addingReportingOverflow(entry.byteCount)
      guard !startOverflow, !stopOverflow else {
        throw Fault(
          .badData, "GG-OVERFLOW", "the sum of tensor sizes exceeds 2^63", tensor: entry.name)
      }
      guard stop <= byteCount else {
        throw Fault(
          .badData, "GG-TRUNC",
          "data ends at byte \(stop), the file at \(byteCount)", tensor: entry.name)
      }
      tensors.append(
        GGUFTensor(
          name: entry.name, type: entry.type, shape: entry.shape, byteOffset: start,
          byteCount: entry.byteCount))
      // `stop` lies inside the file, so this cannot overflow.
      running = GGUFHeaderParser.padded(stop - dataOffset, to: alignment)
    }
    return tensors
  }

  // MARK: - One entry

  private static func parseName(
    _ cursor: inout GGUFCursor, _ index: Int
  ) throws(Fault) -> String {
    let length = try cursor.u64("length of tensor name \(index)")
    guard let count = Int(exactly: length), count <= cursor.remaining, count > 0 else {
      throw Fault(
        .badData, "GG-NAME",
        "name of tensor \(index) is \(length) bytes long, \(cursor.remaining) remain")
    }
    guard count <= GGUFHeaderParser.Limit.nameBytes else {
      throw Fault(
        .unsupported, "GG-NAME",
        "name of tensor \(index) is \(length) bytes long, the limit is "
          + "\(GGUFHeaderParser.Limit.nameBytes)")
    }
    let bytes = try cursor.bytes(count, "name of tensor \(index)")
    guard let name = String(validating: bytes, as: UTF8.self),
      !bytes.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else {
      throw Fault(
        .badData, "GG-NAME", "name of tensor \(index) is not UTF-8 without control characters")
    }
    return name
  }

  private static func parseEntry(
    _ cursor: inout GGUFCursor, _ name: String
  ) throws(Fault) -> Entry {
    let dimensions = try cursor.u32("dimension count")
    guard dimensions <= UInt32(GGUFHeaderParser.Limit.dimensions) else {
      throw Fault(.badData, "GG-NDIMS", "\(dimensions) dimensions; 0 to 4 are allowed")
    }
    var sizes: [Int] = []
    for _ in 0..<dimensions {
      let raw = try cursor.u64("dimension")
      guard let size = Int(exactly: raw) else {
        throw Fault(.badData, "GG-SHAPE", "dimension \(raw) is not below 2^63")
      }
      sizes.append(size)
    }
    let type = try parseType(try cursor.u32("tensor type"))
    let offset = try cursor.u64("offset")
    let byteCount = try byteCount(sizes, type)
    return Entry(
      name: name, type: type, shape: sizes.reversed(), offset: offset, byteCount: byteCount)
  }

  private static func parseType(_ raw: UInt32) throws(Fault) -> GGUFTensorType {
    if let type = GGUFTensorType(rawValue: raw) { return type }
    if GGUFTensorType.removed.contains(raw) {
      throw Fault(.unsupported, "GG-TYPE", "tensor type \(raw) was removed from the format")
    }
    throw Fault(.badData, "GG-TYPE", "tensor type \(raw) does not exist")
  }

  /// Bytes of a tensor; sizes are multiplied without the zeros so that no order hides an overflow.
  private static func byteCount(_ sizes: [Int], _ type: GGUFTensorType) throws(Fault) -> Int {
    // No dimension is one element.
    let columns = sizes.first ?? 1
    guard columns % type.blockElements == 0 else {
      throw Fault(
        .badData, "GG-BLOCK",
        "rows of \(columns) are not whole blocks of \(type.blockElements) (\(type.name))")
    }
    var blocks = 1
    var overflow = false
    for (index, size) in sizes.enumerated() where size != 0 && !overflow {
      (blocks, overflow) = blocks.multipliedReportingOverflow(
        by: index == 0 ? size / type.blockElements : size)
    }
    // Both the bytes and the elements must stay below 2^63.
    let (bytes, tooManyBytes) = blocks.multipliedReportingOverflow(by: type.blockBytes)
    let (_, tooManyElements) = blocks.multipliedReportingOverflow(by: type.blockElements)
    guard !overflow, !tooManyBytes, !tooManyElements else {
      throw Fault(
        .badData, "GG-OVERFLOW", "shape \(sizes) of \(type.name) exceeds 2^63 bytes")
    }
    return sizes.contains(0) ? 0 : bytes
  }
}
