public import Faults
internal import Files

/// A checkpoint of any family: its tensors and their decoded values.
///
/// For what needs to know the model, see ``BaseCheckpoint``.
public struct Checkpoint: Sendable {
  /// The path as it was given.
  public let path: String
  /// The form it comes in.
  public let format: CheckpointFormat
  /// The model family that the checkpoint names, such as `llama`.
  public let architecture: String?
  /// The tensors in file order, by their names in the file.
  public let tensors: [TensorInfo]
  /// What people should know of it although it was read.
  public var warnings: [Warning] = []
  let source: any WeightSource
  /// The files that hold the tensors.
  public var paths: [String] { source.paths }
  private let places: [[UInt8]: Int]
  /// Tensors of Hugging Face that are rows or matrices of one of the file's.
  private let parts: [[UInt8]: Part]

  /// A part of a tensor of the file: which of how many of one size.
  private struct Part {
    let index: Int
    let number: Int
    let count: Int
  }

  init(
    path: String, format: CheckpointFormat, architecture: String?, source: any WeightSource
  ) {
    self.path = path
    self.format = format
    self.architecture = architecture
    self.source = source
    tensors = source.tensors
    // A tensor is found by its own name or by its Hugging Face name; both are compared as bytes.
    var places: [[UInt8]: Int] = [:]
    var parts: [[UInt8]: Part] = [:]
    places.reserveCapacity(2 * tensors.count)
    for (index, tensor) in tensors.enumerated() {
      places[Array(tensor.name.utf8)] = index
      if let name = source.huggingFaceName(at: index) { places[Array(name.utf8)] = index }
      let names = source.partNames(at: index)
      for (number, name) in names.enumerated() {
        parts[Array(name.utf8)] = Part(index: index, number: number, count: names.count)
      }
    }
    self.places = places
    self.parts = parts
  }

  /// Opens a `.gguf`, a `.safetensors` or a directory and checks its structure, not its values.
  ///
  /// - Throws: 66 where nothing is there, 65 for a damaged file, 69 for a format, version or tensor
  ///   type this version does not read.
  public static func open(_ path: String) throws(Fault) -> Checkpoint {
    if Paths.kind(of: path) == .directory {
      let weights = try SafeTensorsWeights(directory: path)
      var checkpoint = Checkpoint(
        path: path, format: .huggingFace, architecture: weights.configuration?.modelType,
        source: weights)
      checkpoint.warnings = weights.codeWarnings
      return checkpoint
    }
    // The content decides, not the name.
    let file = try InputFile(path)
    let prefix = try file.read(at: 0, count: min(FileSignature.byteCount, file.byteCount))
    if FileSignature(prefix) == .gguf {
      let weights = try GGUFWeights(path)
      return Checkpoint(
        path: path, format: .gguf, architecture: weights.architecture, source: weights)
    }
    let weights = try SafeTensorsWeights(
      file: path, directory: HFDirectory(path: Paths.parent(of: path)))
    return Checkpoint(
      path: path, format: .safetensors, architecture: weights.configuration?.modelType,
      source: weights)
  }

  // MARK: - Tensors

  /// The tensor with this name, its own or its Hugging Face name; nil where there is none.
  public func tensor(_ name: String) -> TensorInfo? {
    let key = Array(name.utf8)
    if let part = parts[key] {
      var tensor = tensors[part.index]
      tensor.shape = shape(of: part)
      return tensor
    }
    return places[key].map { tensors[$0] }
  }

  /// The Hugging Face names of the rows or matrices of the tensor called `name` in the file, where these are tensors of their
  /// own there; else none.
  func partNames(_ name: String) -> [String] {
    places[Array(name.utf8)].map { source.partNames(at: $0) } ?? []
  }

  /// The Hugging Face name of the tensor called `name` in the file, where its family tells one.
  public func huggingFaceName(_ name: String) -> String? {
    places[Array(name.utf8)].flatMap { source.huggingFaceName(at: $0) }
  }

  /// The values of a tensor as Float32, row-major, in Hugging Face row order.
  ///
  /// - Parameters:
  ///   - name: Its own name or its Hugging Face name.
  ///   - threads: How many may share the decoding; the values are the same.
  /// - Throws: 65 `CK-TENSOR` where there is no such tensor, 65 `VAL-NAN` at a value that is not
  ///   finite, 69 for a type this version cannot decode.
  public func floats(_ name: String, threads: Int = 1) throws(Fault) -> [Float] {
    if let part = parts[Array(name.utf8)] {
      let rows = rowCount(of: part)
      let range = part.number * rows..<(part.number + 1) * rows
      if let values = try source.floats(at: part.index, rows: range) { return values }
      let values = try source.floats(at: part.index, threads: threads)
      let count = shape(of: part).reduce(1, *)
      return Array(values[part.number * count..<(part.number + 1) * count])
    }
    guard let index = places[Array(name.utf8)] else {
      throw Fault(.badData, "CK-TENSOR", "there is no such tensor", path: path, tensor: name)
    }
    return try source.floats(at: index, threads: threads)
  }

  /// The same of some rows of a matrix, where its format has them without the others; of one matrix always or never.
  func floats(_ name: String, rows: Range<Int>) throws(Fault) -> [Float]? {
    let key = Array(name.utf8)
    if let part = parts[key] {
      let first = part.number * rowCount(of: part)
      return try source.floats(
        at: part.index, rows: first + rows.lowerBound..<first + rows.upperBound)
    }
    guard let index = places[key] else { return nil }
    return try source.floats(at: index, rows: rows)
  }

  /// The first size of a tensor counts its parts, or groups of them, whose rows lie one after the other.
  private func shape(of part: Part) -> [Int] {
    var shape = tensors[part.index].shape
    let groups = shape.removeFirst()
    if part.count > groups { shape[0] /= part.count / groups }
    return shape
  }

  /// Rows of a part: one where it is a vector.
  private func rowCount(of part: Part) -> Int { shape(of: part).dropLast().reduce(1, *) }

  /// SHA-256 of ``floats(_:)`` as little-endian Float32, in hexadecimal.
  ///
  /// A GGUF and a Hugging Face form of one model agree where their values do.
  public func digest(_ name: String) throws(Fault) -> String {
    SHA256Digest.of(try floats(name)).hex
  }
}
