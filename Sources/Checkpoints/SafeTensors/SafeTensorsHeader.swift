import Faults
import JSON

/// The checked header of a safetensors file (`formats/safetensors.md` §2–§4).
///
/// Nothing is allocated, looped over or added up from a number in the file before that number has been
/// compared with what is there.
struct SafeTensorsHeader {
  /// Where the data begins.
  let dataOffset: Int
  /// The tensors in data order, offsets from the start of the file.
  let tensors: [TensorInfo]
  /// `__metadata__`, strings only.
  let metadata: JSONObject

  /// The reference's cap on the header.
  static let byteLimit = 100_000_000
  /// The most entries, `__metadata__` included.
  static let entryLimit = 131_072
  /// The longest tensor name in bytes, and the highest rank.
  static let nameLimit = 4096
  static let rankLimit = 8

  /// Checks the length field against the size of the file (§2).
  ///
  /// - Returns: Bytes of the header text.
  static func headerLength(prefix: [UInt8], fileByteCount: Int) throws(Fault) -> Int {
    guard fileByteCount >= 8, prefix.count >= 8 else {
      throw Fault(.badData, "ST-SHORT", "\(fileByteCount) bytes, need 8")
    }
    var length: UInt64 = 0
    for byte in prefix[..<8].reversed() { length = length << 8 | UInt64(byte) }
    guard length <= UInt64(byteLimit) else {
      throw Fault(
        .badData, "ST-HDRMAX",
        "header length \(length) is over \(byteLimit); no safetensors file begins like this")
    }
    guard length > 0 else { throw Fault(.badData, "ST-JSON", "empty header") }
    guard length <= UInt64(fileByteCount - 8) else {
      throw Fault(
        .badData, "ST-HDRLEN", "header length \(length), only \(fileByteCount - 8) bytes follow")
    }
    return Int(length)
  }

  init(text: [UInt8], fileByteCount: Int) throws(Fault) {
    let root = try SafeTensorsHeader.parse(text)
    dataOffset = 8 + text.count
    let dataByteCount = fileByteCount - dataOffset
    var metadata = JSONObject()
    var entries: [Entry] = []
    entries.reserveCapacity(root.count)
    for member in root.members {
      if member.key == "__metadata__" {
        metadata = try SafeTensorsHeader.metadata(member.value)
      } else {
        entries.append(try Entry(name: member.key, value: member.value))
      }
    }
    try SafeTensorsHeader.checkCover(&entries, dataByteCount: dataByteCount)
    let offset = dataOffset
    self.metadata = metadata
    tensors = entries.map {
      TensorInfo(
        name: $0.name, dtypeName: $0.dtypeName, shape: $0.shape, byteOffset: offset + $0.begin,
        byteCount: $0.end - $0.begin)
    }
  }

  // MARK: - Parts

  /// Parses the text and gives JSON's refusals the code words of this format (§3).
  private static func parse(_ text: [UInt8]) throws(Fault) -> JSONObject {
    // An escape is at most six bytes for one of a name.
    let limits = JSONLimits(
      byteCount: byteLimit, depth: 4, memberCount: entryLimit, keyByteCount: 6 * nameLimit)
    let value: JSONValue
    do throws(Fault) {
      value = try JSONValue.parse(text, limits: limits)
    } catch {
      var fault = error
      fault.code =
        switch error.code {
        case "JSON-UTF8": "ST-UTF8"
        case "JSON-DEPTH": "ST-DEPTH"
        case "JSON-DUP": "ST-DUP"
        case "JSON-NUL", "JSON-KEY": "ST-NAME"
        case "JSON-COUNT": "ST-COUNT"
        case "JSON-MEMORY": "JSON-MEMORY"
        case "JSON-NUMBER":
          error.tensor?.hasSuffix(".data_offsets") == true ? "ST-OFFSET" : "ST-SHAPE"
        default: "ST-JSON"
        }
      switch error.code {
      case "JSON-NUL": fault.reason = "control character in a name"
      case "JSON-KEY": fault.reason = "a name of more than \(nameLimit) bytes"
      default: break
      }
      throw fault
    }
    guard case .object(let root) = value else {
      throw Fault(.badData, "ST-JSON", "header is \(value.kindName), not an object")
    }
    return root
  }

  private static func metadata(_ value: JSONValue) throws(Fault) -> JSONObject {
    guard case .object(let object) = value else {
      throw Fault(.badData, "ST-META", "__metadata__ is \(value.kindName), not an object")
    }
    for member in object.members where member.value.stringValue == nil {
      throw Fault(
        .badData, "ST-META", "__metadata__ value is \(member.value.kindName), not a string",
        tensor: member.key)
    }
    return object
  }

  /// Ranges in order must touch: no gap, no overlap, nothing before, nothing after (§4.4).
  private static func checkCover(
    _ entries: inout [Entry], dataByteCount: Int
  ) throws(Fault) {
    entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
    var end = 0
    var previous = "the data start"
    for entry in entries {
      guard entry.begin == end else {
        let kind = entry.begin > end ? "gap" : "overlap"
        throw Fault(
          .badData, "ST-OFFSET",
          "\(kind): begins at \(entry.begin), \(Fault.escaped(previous, limit: 96)) ends at \(end)",
          tensor: entry.name)
      }
      end = entry.end
      previous = "\"\(entry.name)\""
    }
    guard end <= dataByteCount else {
      throw Fault(
        .badData, "ST-TRUNC", "data needs \(end) bytes, the file has \(dataByteCount)")
    }
    guard end == dataByteCount else {
      throw Fault(
        .badData, "ST-TRAIL", "\(dataByteCount - end) bytes after the last tensor")
    }
  }
}

extension SafeTensorsHeader {
  /// One tensor entry with its own checks (§4.1–§4.3).
  fileprivate struct Entry {
    let name: String
    let dtypeName: String
    let shape: [Int]
    let begin: Int
    let end: Int

    init(name: String, value: JSONValue) throws(Fault) {
      do throws(Fault) {
        try Entry.check(name: name)
        guard case .object(let object) = value else {
          throw Fault(.badData, "ST-FIELD", "entry is \(value.kindName), not an object")
        }
        guard let dtypeName = object["dtype"]?.stringValue else {
          throw Entry.field("dtype", object, "a string")
        }
        guard let bits = SafeTensorsDType.bits(of: dtypeName) else {
          throw Fault(
            .badData, "ST-DTYPE", "unknown dtype \"\(Fault.escaped(dtypeName, limit: 32))\"")
        }
        guard let dimensions = object["shape"]?.arrayValue else {
          throw Entry.field("shape", object, "an array")
        }
        guard let offsets = object["data_offsets"]?.arrayValue else {
          throw Entry.field("data_offsets", object, "an array")
        }
        self.name = name
        self.dtypeName = dtypeName
        let (shape, elementCount) = try Entry.shape(dimensions)
        self.shape = shape
        (begin, end) = try Entry.range(offsets)
        let (bitCount, overflow) = elementCount.multipliedReportingOverflow(by: bits)
        if overflow { throw Fault(.badData, "ST-OVERFLOW", "shape \(shape) of \(bits) bits each") }
        guard bitCount % 8 == 0, bitCount / 8 == end - begin else {
          let needed = bitCount % 8 == 0 ? "\(bitCount / 8) bytes" : "\(bitCount) bits"
          throw Fault(
            .badData, "ST-SIZE",
            "data_offsets [\(begin),\(end)] are \(end - begin) bytes, dtype \(dtypeName) "
              + "shape \(shape) needs \(needed)")
        }
      } catch {
        throw error.at(tensor: name)
      }
    }

    private static func field(_ key: String, _ object: JSONObject, _ expected: String) -> Fault {
      let found = object[key].map { "is \($0.kindName), not \(expected)" } ?? "is missing"
      return Fault(.badData, "ST-FIELD", "\(key) \(found)")
    }

    private static func check(name: String) throws(Fault) {
      guard !name.isEmpty else { throw Fault(.badData, "ST-NAME", "empty name") }
      guard name.utf8.count <= nameLimit else {
        throw Fault(.badData, "ST-NAME", "name of \(name.utf8.count) bytes, over \(nameLimit)")
      }
      for scalar in name.unicodeScalars {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x200e...0x200f, 0x202a...0x202e, 0x2066...0x2069:
          throw Fault(.badData, "ST-NAME", "control character in the name")
        default: continue
        }
      }
    }

    /// Dimensions and their product.
    ///
    /// Zeros are multiplied last: `[2⁶³, 2, 0]` overflows in any order.
    private static func shape(_ dimensions: [JSONValue]) throws(Fault) -> ([Int], Int) {
      guard dimensions.count <= rankLimit else {
        throw Fault(.badData, "ST-RANK", "rank \(dimensions.count) > \(rankLimit)")
      }
      var values: [UInt64] = []
      for dimension in dimensions {
        switch dimension {
        case .integer(let value) where value >= 0: values.append(UInt64(value))
        case .unsigned(let value): values.append(value)
        default:
          throw Fault(
            .badData, "ST-SHAPE",
            "dimension \(Fault.escaped(dimension.text(), limit: 48)) is not a whole number")
        }
      }
      var product: UInt64 = 1
      for value in values where value != 0 {
        let (next, overflow) = product.multipliedReportingOverflow(by: value)
        if overflow {
          throw Fault(.badData, "ST-OVERFLOW", "shape \(values) has too many elements")
        }
        product = next
      }
      let shape = values.compactMap { Int(exactly: $0) }
      guard shape.count == values.count, let count = Int(exactly: product) else {
        throw Fault(.badData, "ST-SHAPE", "shape \(values) is beyond 2^63")
      }
      return (shape, values.contains(0) ? 0 : count)
    }

    private static func range(_ offsets: [JSONValue]) throws(Fault) -> (Int, Int) {
      guard offsets.count == 2, let begin = offsets[0].intValue, let end = offsets[1].intValue,
        begin >= 0, begin <= end
      else {
        let text = Fault.escaped(JSONValue.array(offsets).text(), limit: 96)
        throw Fault(.badData, "ST-OFFSET", "data_offsets \(text) are not [begin, end]")
      }
      return (begin, end)
    }
  }
}
