import Checkpoints
import Faults
import JSON
import Tensors

/// A parameter of the model that an adapter changes otherwise than by latents, and how
/// (`formats/loraxs.md` §10).
public struct CarriedParameter: Sendable, Hashable {
  /// How the stored values change it.
  public enum Change: Sendable, Hashable {
    /// They take its place.
    case replaced
    /// They multiply its rows.
    case scaledRows
    /// They take the place of these rows, ascending.
    case rows([Int])
    /// They are added.
    case added
    /// They are A `[r, in]`, and `scaling · B · A` is added; B is `[out, r]`.
    case product(b: CarriedValues, scaling: Double)

    /// The word in the metadata.
    var word: String {
      switch self {
      case .replaced: "replaced"
      case .scaledRows: "scaledRows"
      case .rows: "rows"
      case .added: "added"
      case .product: "product"
      }
    }
  }

  /// Its name in the Hugging Face model, such as `lm_head.weight`.
  public var parameter: String
  /// Its shape.
  public var shape: [Int]
  /// How it changes.
  public var change: Change
  /// The values.
  public var values: CarriedValues

  /// A carried parameter.
  public init(parameter: String, shape: [Int], change: Change, values: CarriedValues) {
    self.parameter = parameter
    self.shape = shape
    self.change = change
    self.values = values
  }

  /// Bytes of its numbers before compression.
  public var byteCount: Int {
    var count = values.byteCount
    if case .product(let b, _) = change { count += b.byteCount }
    return count
  }

  static let scales = ".scales"
  private static let limit = 1 << 20

  private static func name(_ index: Int) -> String { "carried.\(index)" }

  // MARK: - Writing

  static func json(_ parameters: [CarriedParameter]) -> JSONValue {
    .array(
      parameters.map { item in
        var entry = JSONObject([
          ("parameter", .string(item.parameter)),
          ("shape", .array(item.shape.map { .integer($0) })),
          ("change", .string(item.change.word)),
          ("storage", .string(item.values.storage.rawValue)),
        ])
        switch item.change {
        case .rows(let rows): entry["count"] = .integer(rows.count)
        case .product(let b, let scaling):
          entry["rank"] = .integer(item.values.rows)
          entry["scaling"] = .number(scaling)
          entry["storageB"] = .string(b.storage.rawValue)
        case .replaced, .scaledRows, .added: break
        }
        return .object(entry)
      })
  }

  static func add(
    _ parameters: [CarriedParameter], to writer: inout SafeTensorsWriter
  ) throws(Fault) {
    for (index, item) in parameters.enumerated() {
      try item.values.add(name(index), to: &writer)
      switch item.change {
      case .rows(let rows):
        let bytes = rows.flatMap { row in
          withUnsafeBytes(of: UInt32(truncatingIfNeeded: row).littleEndian) { Array($0) }
        }
        try writer.add(name(index) + ".rows", dtype: .u32, shape: [rows.count], bytes: bytes)
      case .product(let b, _): try b.add(name(index) + ".b", to: &writer)
      case .replaced, .scaledRows, .added: break
      }
    }
  }

  // MARK: - Reading

  /// The parameters of the list and the names of their tensors.
  ///
  /// - Throws: 65 `ART-META` naming the member; `ART-SHAPE`, `ART-RANGE`, `ART-INDEX` for tensors.
  static func read(
    _ field: JSONField, _ file: SafeTensorsFile
  ) throws(Fault) -> (parameters: [CarriedParameter], names: Set<UTF8Key>) {
    guard field.isPresent else { return ([], []) }
    let entries = try field.array()
    guard entries.count <= limit else { throw field.fault("more than \(limit) entries") }
    var parameters: [CarriedParameter] = []
    var names: Set<UTF8Key> = []
    for (index, entry) in entries.enumerated() {
      parameters.append(try CarriedParameter(entry, file, name(index)))
      for suffix in ["", scales, ".rows", ".b", ".b" + scales] {
        names.insert(UTF8Key(name(index) + suffix))
      }
    }
    return (parameters, names)
  }

  private init(_ entry: JSONField, _ file: SafeTensorsFile, _ name: String) throws(Fault) {
    parameter = try entry["parameter"].string()
    var shape: [Int] = []
    for size in try entry["shape"].array() { shape.append(try size.int(in: 1...(1 << 30))) }
    guard (1...4).contains(shape.count) else { throw entry["shape"].fault("1 to 4 dimensions") }
    self.shape = shape
    var width = 1
    for size in shape.dropFirst() {
      let (product, overflow) = width.multipliedReportingOverflow(by: size)
      guard !overflow, product <= 1 << 40 else { throw entry["shape"].fault("too large") }
      width = product
    }
    let storage = try CarriedParameter.storage(entry["storage"])
    func values(_ rows: Int, _ columns: Int) throws(Fault) -> CarriedValues {
      try CarriedValues(file, name, storage: storage, rows: rows, columns: columns)
    }
    let isVector = shape.count == 1
    switch try entry["change"].string() {
    case "replaced", "added":
      self.values = try values(isVector ? 1 : shape[0], isVector ? shape[0] : width)
      change = try entry["change"].string() == "added" ? .added : .replaced
    case "scaledRows":
      self.values = try values(1, shape[0])
      change = .scaledRows
    case "rows":
      let count = try entry["count"].int(in: 1...shape[0])
      self.values = try values(count, width)
      change = .rows(try CarriedParameter.rows(file, name + ".rows", count, below: shape[0]))
    case "product":
      let rank = try entry["rank"].int(in: 1...65_536)
      let scaling = try entry["scaling"].double()
      self.values = try values(rank, width)
      change = .product(
        b: try CarriedValues(
          file, name + ".b", storage: try CarriedParameter.storage(entry["storageB"]),
          rows: shape[0], columns: rank), scaling: scaling)
    case let word:
      throw entry["change"].fault(
        "\(Fault.escaped(word, limit: 32)) is not supported", .unsupported)
    }
  }

  private static func storage(_ field: JSONField) throws(Fault) -> CarriedStorage {
    let text = try field.string()
    guard let storage = CarriedStorage(rawValue: text) else {
      throw field.fault("\(Fault.escaped(text, limit: 32)) is not supported", .unsupported)
    }
    return storage
  }

  private static func rows(
    _ file: SafeTensorsFile, _ name: String, _ count: Int, below limit: Int
  ) throws(Fault) -> [Int] {
    guard let tensor = file[name], tensor.dtypeName == DType.u32.rawValue, tensor.shape == [count]
    else {
      throw Fault(.badData, "ART-SHAPE", "expected U32 [\(count)]", tensor: name)
    }
    let bytes = try file.bytes(of: tensor)
    var previous = -1
    return try (0..<count).map { (index) throws(Fault) in
      var row = 0
      for place in 0..<4 { row |= Int(bytes[index * 4 + place]) << (8 * place) }
      guard row > previous, row < limit else {
        throw Fault(
          .badData, "ART-INDEX", "row \(row) after \(previous), expected ascending below \(limit)",
          tensor: name)
      }
      previous = row
      return row
    }
  }
}
