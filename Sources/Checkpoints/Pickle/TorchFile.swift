public import Faults
public import Files
internal import Tensors

/// A state dict as torch.save writes it, its program run by ``PickleMachine`` and every view checked against
/// its storage, the elements read when asked for (`formats/torch.md`).
public struct TorchFile: Sendable {
  /// The tensors in the order of the dict.
  ///
  /// `byteOffset` and `byteCount` span the view in the file.
  public let tensors: [TensorInfo]

  private let file: InputFile
  private let views: [[UInt8]: View]
  private static let programLimit = 32 << 20

  private struct View: Sendable {
    let dtype: DType?
    let shape: [Int]
    let strides: [Int]
    let span: Range<Int>
  }

  /// Checks an open file.
  ///
  /// - Throws: 69 `PT-GLOBAL` naming a global that is not on the list; 65, 69 `PT-ZIP`, `PT-PICKLE`,
  ///   `PT-TENSOR`.
  public init(file: InputFile) throws(Fault) {
    self.file = file
    do throws(Fault) {
      let zip = try StoredZip(file)
      var places: [[UInt8]: StoredZip.Entry] = [:]
      for entry in zip.entries { places[Array(entry.name.utf8)] = entry }
      let programs = zip.entries.filter { $0.name.hasSuffix("/data.pkl") }
      guard let program = programs.first, programs.count == 1 else {
        throw Fault(
          .unsupported, "PT-ZIP",
          "an archive with \(programs.count) entries data.pkl, not from torch.save")
      }
      let root = String(program.name.dropLast("data.pkl".count))
      try TorchFile.checkNotes(file) { places[Array((root + $0).utf8)] }
      guard program.byteCount <= TorchFile.programLimit else {
        throw Fault(.unsupported, "PT-PICKLE", "data.pkl is \(program.byteCount) bytes long")
      }
      let result = try PickleMachine.run(
        try file.read(at: program.byteOffset, count: program.byteCount))
      guard case .dictionary(let dictionary) = result else {
        throw Fault(
          .unsupported, "PT-PICKLE", "holds \(result.kindName), expected a dict of tensors")
      }
      var tensors: [TensorInfo] = []
      var views: [[UInt8]: View] = [:]
      for (key, value) in dictionary.pairs {
        guard case .string(let name) = key else {
          throw Fault(.unsupported, "PT-PICKLE", "\(key.kindName) as a key, expected a name")
        }
        do throws(Fault) {
          guard case .tensor(let tensor) = value else {
            throw Fault(.unsupported, "PT-TENSOR", "is \(value.kindName), expected a tensor")
          }
          let entry = places[Array("\(root)data/\(tensor.storage.key)".utf8)]
          let view = try TorchFile.view(tensor, entry)
          guard views.updateValue(view, forKey: Array(name.utf8)) == nil else {
            throw Fault(.badData, "PT-TENSOR", "is given twice")
          }
          tensors.append(
            TensorInfo(
              name: name, dtypeName: tensor.storage.dtypeName, shape: tensor.shape,
              byteOffset: view.span.lowerBound, byteCount: view.span.count))
        } catch {
          throw error.at(tensor: name)
        }
      }
      (self.tensors, self.views) = (tensors, views)
    } catch {
      throw error.at(path: file.path)
    }
  }

  /// Checks what stands beside the program, as PyTorch does: each may be missing.
  private static func checkNotes(
    _ file: InputFile, _ entry: (String) -> StoredZip.Entry?
  ) throws(Fault) {
    func text(_ name: String, limit: Int = 64) throws(Fault) -> String? {
      guard let entry = entry(name) else { return nil }
      let bytes = try file.read(at: entry.byteOffset, count: min(entry.byteCount, limit))
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Fault(.badData, "PT-ZIP", "\(name) is not UTF-8")
      }
      return text
    }
    if let order = try text("byteorder"), order != "little" {
      throw Fault(.unsupported, "PT-ZIP", "byte order \(Fault.escaped(order, limit: 16))")
    }
    // PyTorch writes 3, with a newline, and reads up to 10.
    for (name, range) in [("version", 1...10), (".storage_alignment", 1...1 << 30)] {
      guard let words = try text(name) else { continue }
      let digits = words.last == "\n" ? words.dropLast() : words[...]
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
        range.contains(number)
      else {
        throw Fault(
          .badData, "PT-ZIP",
          "\(name) is \"\(Fault.escaped(words, limit: 16))\", no number in \(range)")
      }
    }
    _ = try text(".data/serialization_id")
  }

  /// Checks sizes, strides and offset against the storage, and the storage against its entry.
  private static func view(
    _ tensor: StridedTensor, _ entry: StoredZip.Entry?
  ) throws(Fault) -> View {
    let name = tensor.storage.dtypeName
    guard let entry else {
      throw Fault(.badData, "PT-TENSOR", "its storage is missing")
    }
    guard let dtype = DType(rawValue: name) else {
      throw Fault(.internalError, "PT-TENSOR", "element type \(name)")
    }
    let (bytes, overflow) = tensor.storage.elementCount.multipliedReportingOverflow(
      by: dtype.byteCount)
    guard !overflow, bytes == entry.byteCount else {
      throw Fault(
        .badData, "PT-TENSOR",
        "storage of \(tensor.storage.elementCount) elements of \(name) in an entry of "
          + "\(entry.byteCount) bytes")
    }
    guard tensor.offset >= 0, tensor.shape.allSatisfy({ $0 >= 0 }),
      tensor.strides.allSatisfy({ $0 >= 0 })
    else {
      throw Fault(
        .badData, "PT-TENSOR",
        "sizes \(tensor.shape), strides \(tensor.strides), offset \(tensor.offset): none may be "
          + "negative")
    }
    var last = tensor.offset
    var count = 1
    var fails = false
    for (size, stride) in zip(tensor.shape, tensor.strides) where !fails {
      let (elements, first) = count.multipliedReportingOverflow(by: size)
      let (distance, second) = max(0, size - 1).multipliedReportingOverflow(by: stride)
      let (end, third) = last.addingReportingOverflow(distance)
      (count, last, fails) = (elements, end, first || second || third)
    }
    // Overlapping views (stride 0) would make many elements of few.
    guard !fails, count == 0 || last < tensor.storage.elementCount,
      count <= tensor.storage.elementCount
    else {
      throw Fault(
        .badData, "PT-TENSOR",
        "sizes \(tensor.shape), strides \(tensor.strides), offset \(tensor.offset) reach beyond a "
          + "storage of \(tensor.storage.elementCount) elements")
    }
    let start = entry.byteOffset + (count == 0 ? 0 : tensor.offset) * dtype.byteCount
    let span = count == 0 ? 0 : (last - tensor.offset + 1) * dtype.byteCount
    // An axis of one element may have any stride, which is never stepped.
    let strides = zip(tensor.shape, tensor.strides).map { $0 > 1 ? $1 : 0 }
    return View(dtype: dtype, shape: tensor.shape, strides: strides, span: start..<start + span)
  }

  // MARK: - Data

  /// The elements as Float32, row-major whatever the strides: exact for F16, BF16 and F32, rounded for F64.
  ///
  /// - Throws: 69 `ST-DTYPE` for integers, 65 `VAL-NAN` for a value that is not finite.
  public func floats(of tensor: TensorInfo) throws(Fault) -> [Float] {
    do throws(Fault) {
      guard let view = views[Array(tensor.name.utf8)], let dtype = view.dtype,
        ElementDecoding.isFloating(dtype)
      else {
        throw Fault(
          .unsupported, "ST-DTYPE", "dtype \(tensor.dtypeName) is not read as floating point")
      }
      let bytes = try file.read(at: view.span.lowerBound, count: view.span.count)
      let stored = [Float](unsafeUninitializedCapacity: bytes.count / dtype.byteCount) {
        buffer, initialized in
        bytes.withUnsafeBufferPointer { source in
          guard let source = source.baseAddress, let target = buffer.baseAddress else { return }
          initialized = bytes.count / dtype.byteCount
          ElementDecoding.decode(source, dtype, into: target, count: initialized)
        }
      }
      let values = TorchFile.rowMajor(stored, view)
      if let index = FiniteCheck.firstNonFinite(values) {
        throw Fault(.badData, "VAL-NAN", "element \(index) is \(values[index])")
      }
      return values
    } catch {
      throw error.at(path: file.path, tensor: tensor.name)
    }
  }

  private static func rowMajor(_ stored: [Float], _ view: View) -> [Float] {
    // The extent was checked, so the product cannot overflow and every place lies in `stored`.
    let count = view.shape.reduce(1, *)
    var result: [Float] = []
    result.reserveCapacity(count)
    var index = [Int](repeating: 0, count: view.shape.count)
    var place = 0
    for _ in 0..<count {
      result.append(stored[place])
      for axis in view.shape.indices.reversed() {
        index[axis] += 1
        place += view.strides[axis]
        if index[axis] < view.shape[axis] { break }
        place -= view.strides[axis] * view.shape[axis]
        index[axis] = 0
      }
    }
    return result
  }
}
