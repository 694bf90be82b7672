public import Faults
public import Files
public import JSON
internal import Synchronization
public import Tensors
internal import Threads

/// A safetensors file, its header checked completely, its data read when asked for.
///
/// Source: `formats/safetensors.md`; stricter than the reference where that section says so.
public final class SafeTensorsFile: Sendable {
  /// The path, nil for bytes in memory.
  public let path: String?
  /// Size of the whole file.
  public let byteCount: Int
  /// The tensors in the order of their data.
  public let tensors: [TensorInfo]
  /// `__metadata__` in file order; every value is a string.
  public let metadata: JSONObject

  private enum Source: Sendable {
    case file(InputFile)
    case memory([UInt8])
  }

  private let source: Source
  private let places: [UTF8Key: Int]

  /// Opens and checks a file; the data itself is not read.
  ///
  /// - Throws: 65 with an `ST-…` code naming the tensor and the numbers; 69 `FILE-FORMAT` when the
  ///   content is another known format; 66 or 74 from the file system.
  public static func open(_ path: String) throws(Fault) -> SafeTensorsFile {
    try SafeTensorsFile(file: try InputFile(path))
  }

  /// Checks an open file.
  public convenience init(file: InputFile) throws(Fault) {
    let prefix = try file.read(at: 0, count: min(FileSignature.byteCount, file.byteCount))
    do throws(Fault) {
      let length: Int
      do throws(Fault) {
        length = try SafeTensorsHeader.headerLength(prefix: prefix, fileByteCount: file.byteCount)
      } catch {
        // A wrong length is often another format altogether: say which.
        if let signature = FileSignature(prefix) { throw signature.refusal(path: file.path) }
        throw error
      }
      let header = try SafeTensorsHeader(
        text: try file.read(at: 8, count: length), fileByteCount: file.byteCount)
      self.init(.file(file), header, path: file.path, byteCount: file.byteCount)
    } catch {
      throw error.at(path: file.path)
    }
  }

  /// Checks a file held in memory, such as the payload of an artifact.
  public convenience init(bytes: [UInt8], path: String? = nil) throws(Fault) {
    do throws(Fault) {
      let length = try SafeTensorsHeader.headerLength(
        prefix: Array(bytes.prefix(8)), fileByteCount: bytes.count)
      let header = try SafeTensorsHeader(
        text: Array(bytes[8..<8 + length]), fileByteCount: bytes.count)
      self.init(.memory(bytes), header, path: path, byteCount: bytes.count)
    } catch {
      throw error.at(path: path)
    }
  }

  /// Bytes from the start of a file to the end of its header, by the length field that `prefix` begins with.
  ///
  /// - Throws: 65 `ST-SHORT`, `ST-HDRMAX`, `ST-HDRLEN`, `ST-JSON`.
  public static func headerEnd(prefix: [UInt8], fileByteCount: Int) throws(Fault) -> Int {
    8 + (try SafeTensorsHeader.headerLength(prefix: prefix, fileByteCount: fileByteCount))
  }

  /// The metadata of a file of `fileByteCount` bytes of which only what stands before the data is there.
  ///
  /// - Throws: 65 with an `ST-…` code, also where the tensors are not exactly the rest of the file.
  public static func metadata(
    ofHeader bytes: [UInt8], fileByteCount: Int
  ) throws(Fault) -> JSONObject {
    let end = try headerEnd(prefix: Array(bytes.prefix(8)), fileByteCount: fileByteCount)
    guard bytes.count == end else {
      throw Fault(.badData, "ST-SHORT", "\(bytes.count) bytes, the header needs \(end)")
    }
    return try SafeTensorsHeader(text: Array(bytes[8...]), fileByteCount: fileByteCount).metadata
  }

  private init(_ source: Source, _ header: SafeTensorsHeader, path: String?, byteCount: Int) {
    self.source = source
    self.path = path
    self.byteCount = byteCount
    tensors = header.tensors
    metadata = header.metadata
    var places: [UTF8Key: Int] = Dictionary(minimumCapacity: header.tensors.count)
    for (place, tensor) in header.tensors.enumerated() { places[UTF8Key(tensor.name)] = place }
    self.places = places
  }

  /// The tensor of that name, compared by bytes.
  public subscript(name: String) -> TensorInfo? { places[UTF8Key(name)].map { tensors[$0] } }

  /// The tensor of that name.
  ///
  /// - Throws: 65 `ST-MISSING`.
  public func tensor(_ name: String) throws(Fault) -> TensorInfo {
    guard let tensor = self[name] else {
      throw Fault(.badData, "ST-MISSING", "tensor is missing", path: path, tensor: name)
    }
    return tensor
  }

  // MARK: - Data

  /// The raw little-endian bytes of a tensor of this file.
  public func bytes(of tensor: TensorInfo) throws(Fault) -> [UInt8] {
    switch source {
    case .file(let file):
      do throws(Fault) {
        return try file.read(at: tensor.byteOffset, count: tensor.byteCount)
      } catch {
        throw error.at(tensor: tensor.name)
      }
    case .memory(let bytes):
      return Array(bytes[tensor.byteOffset..<tensor.byteOffset + tensor.byteCount])
    }
  }

  /// The elements as Float32, row-major: exact for F16, BF16, F32; rounded for F64.
  ///
  /// - Throws: 69 `ST-DTYPE` for other types; 65 `VAL-NAN` with index and value unless non-finite
  ///   values are allowed; 65 `VAL-RANGE` when an F64 value is beyond Float32.
  public func floats(
    of tensor: TensorInfo, allowingNonFinite: Bool = false, threads: Int = 1
  ) throws(Fault) -> [Float] {
    let dtype = try floatingType(of: tensor)
    let count = tensor.byteCount / dtype.byteCount
    var areFinite = true
    let values = try WeightMemory.floats(count: count) { (buffer) throws(Fault) in
      areFinite = try decode(tensor, dtype, into: buffer, threads: threads)
    }
    if !areFinite, !allowingNonFinite, let index = FiniteCheck.firstNonFinite(values) {
      let isOverflow = dtype == .f64 ? try double(of: tensor, at: index).isFinite : false
      throw Fault(
        .badData, isOverflow ? "VAL-RANGE" : "VAL-NAN",
        isOverflow
          ? "element \(index) is beyond Float32" : "element \(index) is \(values[index])",
        path: path, tensor: tensor.name)
    }
    return values
  }

  /// The elements as Float64; throws as ``floats(of:allowingNonFinite:)``.
  public func doubles(of tensor: TensorInfo) throws(Fault) -> [Double] {
    guard try floatingType(of: tensor) == .f64 else {
      return try floats(of: tensor).map { Double($0) }
    }
    let bytes = try bytes(of: tensor)
    let values = bytes.withUnsafeBytes { raw in
      (0..<raw.count / 8).map {
        Double(
          bitPattern: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self).littleEndian)
      }
    }
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw Fault(
        .badData, "VAL-NAN", "element \(index) is \(values[index])", path: path,
        tensor: tensor.name)
    }
    return values
  }

  /// A matrix `[rows, columns]` of Float32.
  ///
  /// - Throws: 65 `ST-RANK` unless the tensor has two dimensions; otherwise as ``floats(of:)``.
  public func matrix(of tensor: TensorInfo) throws(Fault) -> Matrix<Float> {
    guard tensor.shape.count == 2 else {
      throw Fault(
        .badData, "ST-RANK", "shape \(tensor.shape), expected two dimensions", path: path,
        tensor: tensor.name)
    }
    return Matrix(
      rows: tensor.shape[0], columns: tensor.shape[1], elements: try floats(of: tensor))
  }

  /// The elements of an integer tensor.
  ///
  /// - Throws: 69 `ST-DTYPE` for types other than I8, U8, I16, U16, I32, U32 and I64.
  public func integers(of tensor: TensorInfo) throws(Fault) -> [Int] {
    let bytes = try bytes(of: tensor)
    func load<T: FixedWidthInteger>(_ type: T.Type) -> [Int] {
      bytes.withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<T>.size).map {
          Int(
            truncatingIfNeeded: T(
              littleEndian: raw.loadUnaligned(
                fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)))
        }
      }
    }
    switch DType(rawValue: tensor.dtypeName) {
    case .i8: return load(Int8.self)
    case .u8: return load(UInt8.self)
    case .i16: return load(Int16.self)
    case .u16: return load(UInt16.self)
    case .i32: return load(Int32.self)
    case .u32: return load(UInt32.self)
    case .i64: return load(Int64.self)
    default:
      throw Fault(
        .unsupported, "ST-DTYPE", "dtype \(tensor.dtypeName) is not an integer type", path: path,
        tensor: tensor.name)
    }
  }

  /// Checks that the file is still the one that was opened; call it after the last read.
  public func checkUnchanged() throws(Fault) {
    if case .file(let file) = source { try file.checkUnchanged() }
  }

  // MARK: - Helpers

  private func floatingType(of tensor: TensorInfo) throws(Fault) -> DType {
    guard let dtype = DType(rawValue: tensor.dtypeName), ElementDecoding.isFloating(dtype) else {
      throw Fault(
        .unsupported, "ST-DTYPE", "dtype \(tensor.dtypeName) is not read as floating point",
        path: path, tensor: tensor.name)
    }
    return dtype
  }

  /// Decodes a tensor; whether all of its values are finite.
  private func decode(
    _ tensor: TensorInfo, _ dtype: DType, into target: UnsafeMutableBufferPointer<Float>,
    threads: Int
  ) throws(Fault) -> Bool {
    guard let start = target.baseAddress else { return true }
    switch source {
    case .memory(let bytes):
      return bytes.withUnsafeBufferPointer { bytes in
        guard let first = bytes.baseAddress else { return true }
        ElementDecoding.decode(first + tensor.byteOffset, dtype, into: start, count: target.count)
        return FiniteCheck.areFinite(start, count: target.count)
      }
    case .file(let file):
      do throws(Fault) {
        let areFinite = Atomic(true)
        try withThreads(threads) { () throws(Fault) in
          try shareOut(target.count, grain: 1 << 18, over: start) {
            (range, start) throws(Fault) in
            if try !decode(tensor, dtype, in: file, into: start, range) {
              areFinite.store(false, ordering: .relaxed)
            }
          }
        }
        return areFinite.load(ordering: .relaxed)
      } catch {
        throw error.at(tensor: tensor.name)
      }
    }
  }

  /// A piece at a time, so that its stored form, its values and the check share the cache.
  private func decode(
    _ tensor: TensorInfo, _ dtype: DType, in file: InputFile,
    into target: UnsafeMutablePointer<Float>, _ range: Range<Int>
  ) throws(Fault) -> Bool {
    guard !range.isEmpty else { return true }
    let width = dtype.byteCount
    var areFinite = true
    let piece = min(range.count, WeightMemory.pieceByteCount / width)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: piece * width, alignment: 64)
    defer { scratch.deallocate() }
    for first in stride(from: range.lowerBound, to: range.upperBound, by: piece) {
      let some = min(piece, range.upperBound - first)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(some * width)])
      try file.read(at: tensor.byteOffset + first * width, into: bytes)
      guard let bytes = bytes.bindMemory(to: UInt8.self).baseAddress else { continue }
      ElementDecoding.decode(bytes, dtype, into: target + first, count: some)
      if areFinite { areFinite = FiniteCheck.areFinite(target + first, count: some) }
    }
    return areFinite
  }

  private func double(of tensor: TensorInfo, at index: Int) throws(Fault) -> Double {
    let bytes = try bytes(of: tensor)
    return bytes.withUnsafeBytes { raw in
      Double(
        bitPattern: raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self).littleEndian)
    }
  }
}
