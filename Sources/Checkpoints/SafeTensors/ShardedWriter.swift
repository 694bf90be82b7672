public import Faults
import Files
import JSON
public import Tensors

/// Writes a model as `model.safetensors`, or as shards with `model.safetensors.index.json`
/// (`formats/hf.md` §5).
///
/// Tensors go into a file in the order in which they are added, until the next would make its tensors
/// larger than the limit; a tensor that is larger alone has a file of its own.
public struct ShardedWriter: Sendable {
  private let shardBytes: Int
  private var shards: [(writer: SafeTensorsWriter, bytes: Int)] = []
  private var placement: [(name: String, shard: Int)] = []
  private var names: Set<UTF8Key> = []
  private var totalBytes = 0
  private var totalElements = 0

  /// The single file.
  public static let singleName = "model.safetensors"
  /// The index of shards.
  public static let indexName = "model.safetensors.index.json"

  /// A writer of files with at most `shardBytes` bytes of tensors.
  public init(shardBytes: Int) { self.shardBytes = shardBytes }

  /// Adds a tensor whose values are made when they are written, as in ``SafeTensorsWriter``.
  ///
  /// - Throws: 70 `ST-WRITE` for a name that is empty or repeated, or a shape that overflows.
  public mutating func add(
    _ name: String, dtype: DType, shape: [Int],
    floats: @escaping @Sendable () throws(Fault) -> [Float]
  ) throws(Fault) {
    guard !names.contains(UTF8Key(name)) else {
      throw Fault(.internalError, "ST-WRITE", "the name is repeated", tensor: name)
    }
    var elements = 1
    for size in shape {
      let (product, overflow) = elements.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow, product <= Int.max / 16 - totalElements else {
        throw Fault(.internalError, "ST-WRITE", "shape \(shape) overflows", tensor: name)
      }
      elements = product
    }
    let bytes = elements * dtype.byteCount
    if shards.last.map({ $0.bytes > 0 && $0.bytes + bytes > shardBytes }) ?? true {
      shards.append((SafeTensorsWriter(), 0))
    }
    let last = shards.count - 1
    try shards[last].writer.add(name, dtype: dtype, shape: shape, floats: floats)
    shards[last].bytes += bytes
    placement.append((name, last))
    names.insert(UTF8Key(name))
    totalBytes += bytes
    totalElements += elements
  }

  /// Writes the files into `directory`, the index last, and removes what an earlier model there of the other
  /// form would be taken for.
  ///
  /// - Returns: The paths of the files.
  public func write(to directory: String) throws(Fault) -> [String] {
    let single = Paths.join(directory, Self.singleName)
    let index = Paths.join(directory, Self.indexName)
    guard shards.count > 1 else {
      Paths.removeIfPresent(index)
      try (shards.first?.writer ?? SafeTensorsWriter()).write(to: single)
      return [single]
    }
    guard shards.count <= 99_999 else {
      throw Fault(
        .unsupported, "ST-WRITE", "\(shards.count) shards; at most 99999 have names",
        path: directory)
    }
    // Without them a folder whose shards are of two models is none.
    Paths.removeIfPresent(single)
    Paths.removeIfPresent(index)
    var names: [String] = []
    for (number, shard) in shards.enumerated() {
      let name =
        "model-\(Self.digits(number + 1))-of-\(Self.digits(shards.count)).safetensors"
      try shard.writer.write(to: Paths.join(directory, name))
      names.append(name)
    }
    var map = JSONObject()
    for place in placement.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      map[place.name] = .string(names[place.shard])
    }
    let text: JSONValue = [
      "metadata": [
        "total_parameters": .integer(totalElements), "total_size": .integer(totalBytes),
      ],
      "weight_map": .object(map),
    ]
    try AtomicFile.write(index, text: text.text(pretty: true) + "\n")
    return names.map { Paths.join(directory, $0) } + [index]
  }

  private static func digits(_ number: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, 5 - text.utf8.count)) + text
  }
}
