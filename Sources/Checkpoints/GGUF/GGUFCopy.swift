public import Faults
public import Files

/// A GGUF model written again with some weights replaced; every other byte of data and metadata is kept.
///
/// A split model becomes one file (`formats/gguf.md` §11.3).
public struct GGUFCopy: Sendable {
  /// The new values of a tensor, by Hugging Face name and in Hugging Face row order.
  public typealias NewValues = @Sendable (_ name: String) throws(Fault) -> [Float]

  private let weights: GGUFWeights
  private let path: String
  /// Bytes of an unchanged tensor that are in memory at once.
  private static let pieceBytes = 1 << 24

  /// A copy of `checkpoint`.
  ///
  /// - Throws: 69 `GG-COPY` where it is not a GGUF file.
  public init(of checkpoint: Checkpoint) throws(Fault) {
    guard let weights = checkpoint.source as? GGUFWeights else {
      throw Fault(
        .unsupported, "GG-COPY", "is not a GGUF file; only those are written as GGUF",
        path: checkpoint.path)
    }
    self.weights = weights
    path = checkpoint.path
  }

  private var headName: String { (weights.names?.module(.head) ?? "") + ".weight" }
  private var embeddingName: String { (weights.names?.module(.embedding) ?? "") + ".weight" }

  /// Number of tensors that ``write(to:replacing:type:progress:values:)`` goes through.
  public var tensorCount: Int { weights.tensors.count }

  /// How a file without an output head, whose model takes the embeddings for it, gets one of its own.
  public enum NewHead: Sendable {
    /// It gets none.
    case none
    /// The embeddings as the file has them, which are about to change.
    case embeddings
    /// New values.
    case values
  }

  /// Writes the copy.
  ///
  /// - Parameters:
  ///   - output: The file, replaced atomically.
  ///   - replaced: Hugging Face names of the weights that get new values.
  ///   - head: What `output.weight` holds, which the file has not.
  ///   - type: How new values are stored where llama.cpp allows it (`formats/gguf.md` §11.4); F16 for rows
  ///     that are not whole blocks of it.
  ///   - progress: Called after each tensor.
  ///   - values: The new values, of the shape of the old ones.
  /// - Throws: 65 `CK-TENSOR` for a name that the file lacks; what reading, encoding and writing throw.
  @discardableResult
  public func write(
    to output: String, replacing replaced: Set<String>, head: NewHead = .none, type: GGUFFloatType,
    progress: @escaping @Sendable () -> Void = {}, values: @escaping NewValues
  ) throws(Fault) -> AtomicFile.Written {
    var writer = GGUFWriter(alignment: weights.header.alignment)
    var missing = Set(replaced)
    var factors: Set<String> = []
    for (index, place) in weights.places.enumerated() {
      missing.subtract(weights.partNames(at: index))
      guard let name = weights.huggingFaceName(at: index), replaced.contains(name) else { continue }
      missing.remove(name)
      // The factor of an NVFP4 weight lies beside it and would be applied to the new one.
      if place.tensor.type == .nvfp4, place.tensor.name.hasSuffix(".weight") {
        let stem = place.tensor.name.dropLast("weight".count)
        factors.formUnion(["\(stem)scale", "\(stem)input_scale"])
      }
    }
    if let name = missing.min() {
      throw Fault(.badData, "CK-TENSOR", "there is no such tensor", path: path, tensor: name)
    }
    try copyMetadata(to: &writer, replaced: replaced, head: head, type: type)
    for (index, place) in weights.places.enumerated() where !factors.contains(place.tensor.name) {
      let name = weights.huggingFaceName(at: index)
      if let name, replaced.contains(name) {
        try add(name, as: place.tensor.name, place.tensor, to: &writer, type, progress, values)
      } else if weights.partNames(at: index).contains(where: replaced.contains) {
        let name = place.tensor.name
        let rows = rows(of: index, replaced, values)
        try add(name, as: name, place.tensor, to: &writer, type, progress, rows)
      } else {
        try copy(place, to: &writer, progress)
      }
    }
    try add(head, to: &writer, type, values)
    return try writer.write(to: output)
  }

  /// Adds `output.weight` of the embeddings' shape at the end.
  private func add(
    _ head: NewHead, to writer: inout GGUFWriter, _ type: GGUFFloatType,
    _ values: @escaping NewValues
  ) throws(Fault) {
    if case .none = head { return }
    let (name, old) = (headName, embeddingName)
    let index = weights.tensors.indices.first { weights.huggingFaceName(at: $0) == old }
    guard let index, let stored = weights.names?.gguf(huggingFace: name) else {
      throw Fault(.badData, "CK-TENSOR", "there is no such tensor", path: path, tensor: old)
    }
    let place = weights.places[index]
    switch head {
    // Values with a factor beside them have no bytes of their own.
    case .embeddings where place.tensor.type != .nvfp4:
      try copy(place, as: stored, to: &writer) {}
    case .none, .embeddings, .values:
      try add(name, as: stored, place.tensor, to: &writer, type, {}, values)
    }
  }

  /// Adds new values of the shape and the row order of `tensor`.
  private func add(
    _ name: String, as stored: String, _ tensor: GGUFTensor, to writer: inout GGUFWriter,
    _ type: GGUFFloatType, _ progress: @escaping @Sendable () -> Void,
    _ values: @escaping NewValues
  ) throws(Fault) {
    let order = try weights.permutation(of: tensor)
    let storage = weights.storage(of: tensor)
    let absent = storage == .behindOffset ? weights.absentPositions(of: tensor).count : 0
    let type = type.forModel(stored, shape: tensor.shape)
    try writer.add(stored, type: type, shape: tensor.shape) { () throws(Fault) in
      var new = try values(name)
      if storage == .plusOne { for index in new.indices { new[index] += 1 } }
      new.removeFirst(min(absent, new.count))
      guard new.count == tensor.elementCount else {
        throw Fault(
          .internalError, "GG-WRITE", "\(new.count) values for shape \(tensor.shape)",
          tensor: name)
      }
      progress()
      // A bias has one value a row.
      let columns = tensor.shape.count > 1 ? tensor.shape.last ?? 1 : 1
      return order?.ggufOrder(of: new, columns: columns) ?? new
    }
  }

  /// The values of a tensor whose rows or matrices are tensors of their own elsewhere: new ones where these are `replaced`.
  private func rows(
    of index: Int, _ replaced: Set<String>, _ values: @escaping NewValues
  ) -> NewValues {
    { [weights] (_: String) throws(Fault) -> [Float] in
      var all = try weights.floats(at: index, threads: 1)
      let names = weights.partNames(at: index)
      let count = all.count / max(names.count, 1)
      for (row, name) in names.enumerated() where replaced.contains(name) {
        let new = try values(name)
        guard new.count == count else {
          throw Fault(
            .internalError, "GG-WRITE", "\(new.count) values for a part of \(count)", tensor: name)
        }
        all.replaceSubrange(row * count..<(row + 1) * count, with: new)
      }
      return all
    }
  }

  /// Adds a tensor as it is stored, under its own name or another.
  private func copy(
    _ place: (file: Int, tensor: GGUFTensor), as name: String? = nil, to writer: inout GGUFWriter,
    _ progress: @escaping @Sendable () -> Void
  ) throws(Fault) {
    let (file, tensor) = (weights.files[place.file], place.tensor)
    try writer.add(name ?? tensor.name, type: tensor.type, shape: tensor.shape) {
      (append) throws(Fault) in
      var done = 0
      while done < tensor.byteCount {
        let count = min(Self.pieceBytes, tensor.byteCount - done)
        try append(try file.file.read(at: tensor.byteOffset + done, count: count))
        done += count
      }
      try file.file.checkUnchanged()
      progress()
    }
  }

  // MARK: - Metadata

  private func copyMetadata(
    to writer: inout GGUFWriter, replaced: Set<String>, head: NewHead, type: GGUFFloatType
  ) throws(Fault) {
    let (file, header) = (weights.files[0].file, weights.header)
    for (entry, range) in zip(header.metadata, header.valueRanges)
    where !entry.key.hasPrefix("split.") {
      writer.set(entry.key, raw: try file.read(at: range.lowerBound, count: range.count))
    }
    try file.checkUnchanged()
    // The label of the file follows the type that most of its weights have.
    var (new, all) = (0.0, 0.0)
    for (index, tensor) in weights.tensors.enumerated() where tensor.shape.count > 1 {
      let elements = tensor.shape.reduce(1.0) { $0 * Double($1) }
      all += elements
      let name = weights.huggingFaceName(at: index)
      let parts = weights.partNames(at: index)
      if let name, replaced.contains(name) { new += elements }
      if parts.contains(where: replaced.contains) { new += elements }
      guard name == embeddingName else { continue }
      if case .none = head { continue }
      all += elements
      if case .values = head { new += elements }
    }
    if 2 * new > all { writer.set("general.file_type", .u32(type.fileType)) }
    if type == .q8_0 { writer.set("general.quantization_version", .u32(2)) }
  }
}
