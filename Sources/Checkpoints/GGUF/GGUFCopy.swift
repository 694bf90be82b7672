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

  /// Number of tensors that ``write(to:replacing:type:progress:values:)`` goes through.
  public var tensorCount: Int { weights.tensors.count }

  /// Writes the copy.
  ///
  /// - Parameters:
  ///   - output: The file, replaced atomically.
  ///   - replaced: Hugging Face names of the weights that get new values.
  ///   - type: How these are stored; F16 for rows that are not whole blocks of it.
  ///   - progress: Called after each tensor.
  ///   - values: The new values, of the shape of the old ones.
  /// - Throws: 65 `CK-TENSOR` for a name that the file lacks; what reading, encoding and writing throw.
  @discardableResult
  public func write(
    to output: String, replacing replaced: Set<String>, type: GGUFFloatType,
    progress: @escaping @Sendable () -> Void = {}, values: @escaping NewValues
  ) throws(Fault) -> AtomicFile.Written {
    var writer = GGUFWriter(alignment: weights.header.alignment)
    var missing = Set(replaced)
    var factors: Set<String> = []
    for (index, place) in weights.places.enumerated() {
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
    try copyMetadata(to: &writer, replaced: replaced, type: type)
    for (index, place) in weights.places.enumerated() where !factors.contains(place.tensor.name) {
      let name = weights.huggingFaceName(at: index)
      if let name, replaced.contains(name) {
        let tensor = place.tensor
        let order = try weights.permutation(of: tensor)
        try writer.add(tensor.name, type: type, shape: tensor.shape) { () throws(Fault) in
          let new = try values(name)
          guard new.count == tensor.elementCount else {
            throw Fault(
              .internalError, "GG-WRITE", "\(new.count) values for shape \(tensor.shape)",
              tensor: name)
          }
          progress()
          let columns = tensor.shape.count > 1 ? tensor.shape.last ?? 1 : 1
          return order?.ggufOrder(of: new, columns: columns) ?? new
        }
      } else {
        try copy(place.tensor, from: weights.files[place.file], to: &writer, progress)
      }
    }
    return try writer.write(to: output)
  }

  private func copy(
    _ tensor: GGUFTensor, from file: GGUFFile, to writer: inout GGUFWriter,
    _ progress: @escaping @Sendable () -> Void
  ) throws(Fault) {
    try writer.add(tensor.name, type: tensor.type, shape: tensor.shape) { (append) throws(Fault) in
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
    to writer: inout GGUFWriter, replaced: Set<String>, type: GGUFFloatType
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
      if let name = weights.huggingFaceName(at: index), replaced.contains(name) { new += elements }
    }
    if 2 * new > all { writer.set("general.file_type", .u32(type.fileType)) }
    if type == .q8_0 { writer.set("general.quantization_version", .u32(2)) }
  }
}
