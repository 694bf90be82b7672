public import Faults

/// What a file is by its first bytes, whatever its name says.
public enum FileSignature: Sendable, Hashable, CaseIterable {
  /// A GGUF checkpoint.
  case gguf
  /// A GGML file from before GGUF.
  case legacyGGML
  /// One zstd frame, as our artifacts are.
  case zstd
  /// A ZIP archive; PyTorch `.bin`, `.pt` and NumPy `.npz` files are such archives.
  case zip
  /// A bare pickle stream.
  case pickle
  /// The text that Git LFS leaves in place of a file that was not fetched.
  case gitLFSPointer
  /// A web page, usually an error page saved under the name of a model.
  case html
  /// A gzip stream.
  case gzip
  /// An HDF5 container.
  case hdf5
  /// A NumPy array.
  case numpy
  /// A PDF document.
  case pdf
  /// A tar archive.
  case tar
  /// An ONNX model: a message of a version and the name of its producer.
  case onnx
  /// A TensorFlow SavedModel: a message of version 1 and its graphs.
  case savedModel
  /// A TensorFlow Lite model.
  case tensorFlowLite

  /// How many bytes of a file are enough to tell; fewer where there are fewer.
  public static let byteCount = 264

  /// The signature that `prefix` begins with.
  public init?(_ prefix: some Collection<UInt8>) {
    let start = Array(prefix.prefix(FileSignature.byteCount))
    func begins(_ text: String) -> Bool { start.starts(with: text.utf8) }
    if begins("GGUF") {
      self = .gguf
    } else if ["tjgg", "fmgg", "lmgg", "algg", "GGML", "ggjt", "ggml"].contains(where: begins) {
      self = .legacyGGML
    } else if start.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
      self = .zstd
    } else if begins("PK\u{3}\u{4}") || begins("PK\u{5}\u{6}") {
      self = .zip
    } else if start.count >= 2, start[0] == 0x80, (2...5).contains(start[1]) {
      self = .pickle
    } else if begins("version https://git-lfs") {
      self = .gitLFSPointer
    } else if ["<!doctype html", "<html"].contains(where: {
      String(decoding: start.prefix(16), as: UTF8.self).lowercased().hasPrefix($0)
    }) {
      self = .html
    } else if start.starts(with: [0x1f, 0x8b]) {
      self = .gzip
    } else if start.starts(with: [0x89, 0x48, 0x44, 0x46]) {
      self = .hdf5
    } else if start.starts(with: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]) {
      self = .numpy
    } else if begins("%PDF") {
      self = .pdf
    } else if start.dropFirst(257).starts(with: "ustar".utf8) {
      self = .tar
    } else if start.dropFirst(4).starts(with: "TFL3".utf8) {
      self = .tensorFlowLite
    } else if let version = FileSignature.messageVersion(start), (3...15).contains(version) {
      self = .onnx
    } else if FileSignature.messageVersion(start) == 1 {
      self = .savedModel
    } else {
      return nil
    }
  }

  /// The version of a protocol buffer that begins with one and goes on with a text or a message.
  private static func messageVersion(_ start: [UInt8]) -> UInt8? {
    // As a safetensors file's length of its header it would be beyond 2³².
    guard start.count >= 8, start[0] == 0x08, start[2] == 0x12,
      start[4..<8].contains(where: { $0 != 0 })
    else { return nil }
    return start[1]
  }

  /// The fault for a file of this kind where weights of another format were expected: damaged
  /// downloads are 65, other formats 69 (`formats/errors.md` §3).
  public func refusal(path: String?) -> Fault {
    switch self {
    case .gguf: unsupported("is a GGUF file", path)
    case .legacyGGML: unsupported("is a legacy GGML file, convert it to GGUF first", path)
    case .zstd: unsupported("is a zstd frame", path)
    case .zip: unsupported("is a ZIP archive or PyTorch file; save as safetensors", path)
    case .pickle: unsupported("is a pickle; pickle is not loaded, save as safetensors", path)
    case .gitLFSPointer:
      Fault(
        .badData, "FILE-LFS", "Git LFS pointer, not weights (run git lfs pull)", path: path)
    case .html: Fault(.badData, "FILE-HTML", "HTML page, not weights", path: path)
    case .gzip: unsupported("is a gzip stream, unpack it first", path)
    case .hdf5: unsupported("is an HDF5 file", path)
    case .numpy: unsupported("is a NumPy array", path)
    case .pdf: unsupported("is a PDF document", path)
    case .tar: unsupported("is a tar archive, unpack it first", path)
    case .onnx: unsupported("is an ONNX model; save the weights as safetensors", path)
    case .savedModel:
      unsupported("is a TensorFlow model; save the weights as safetensors", path)
    case .tensorFlowLite:
      unsupported("is a TensorFlow Lite model; save the weights as safetensors", path)
    }
  }

  private func unsupported(_ reason: String, _ path: String?) -> Fault {
    Fault(.unsupported, "FILE-FORMAT", reason, path: path)
  }
}
