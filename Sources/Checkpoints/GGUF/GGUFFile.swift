internal import Faults
internal import Files
internal import Threads

/// An open GGUF file: its checked header, and its tensors on demand.
struct GGUFFile: Sendable {
  /// The file, read by position.
  let file: InputFile
  /// Everything before the data.
  let header: GGUFHeader

  /// Opens a file and checks its whole header.
  init(_ path: String) throws(Fault) {
    let file = try InputFile(path)
    var parser = GGUFHeaderParser(byteCount: file.byteCount) { (offset, count) throws(Fault) in
      try file.read(at: offset, count: count)
    }
    do throws(Fault) {
      header = try parser.parse()
    } catch {
      throw error.at(path: path)
    }
    self.file = file
  }

  // MARK: - Metadata arrays

  /// The strings of array `key`; nil where absent.
  func strings(_ key: String) throws(Fault) -> [[UInt8]]? {
    guard let array = try array(key, of: [.string]) else { return nil }
    let bytes = try file.read(at: array.byteOffset, count: array.byteCount)
    var result: [[UInt8]] = []
    result.reserveCapacity(array.count)
    var place = 0
    for _ in 0..<array.count {
      // The lengths were checked when the header was parsed; checked again because the file may
      // have changed since.
      let prefix = bytes[place..<min(place + 8, bytes.count)]
      let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      place += prefix.count
      guard prefix.count == 8, let count = Int(exactly: length), count <= bytes.count - place
      else { throw changed(key) }
      result.append(Array(bytes[place..<place + count]))
      place += count
    }
    return result
  }

  /// The bytes of array `key`; nil where absent.
  func bytes(_ key: String) throws(Fault) -> [UInt8]? {
    guard let array = try array(key, of: [.u8, .i8]) else { return nil }
    return try file.read(at: array.byteOffset, count: array.byteCount)
  }

  /// The 32-bit integers of array `key`; nil where absent.
  func integers(_ key: String) throws(Fault) -> [Int32]? {
    guard let array = try array(key, of: [.i32, .u32]) else { return nil }
    let bytes = try file.read(at: array.byteOffset, count: array.byteCount)
    return bytes.withUnsafeBytes { raw in
      (0..<array.count).map {
        Int32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self))
      }
    }
  }

  /// The Float32 numbers of array `key`; nil where absent.
  func floats(_ key: String) throws(Fault) -> [Float]? {
    guard let array = try array(key, of: [.f32]) else { return nil }
    let bytes = try file.read(at: array.byteOffset, count: array.byteCount)
    let values = bytes.withUnsafeBytes { raw in
      (0..<array.count).map {
        Float(
          bitPattern: UInt32(
            littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
    guard values.allSatisfy({ !$0.isNaN }) else {
      throw Fault(.badData, "GG-META", "\(key) holds what is not a number", path: file.path)
    }
    return values
  }

  /// The integer of `key`, or that of an array of `layers` equal ones; nil where absent.
  ///
  /// - Throws: 65 `GG-META` for an array of another length or type, 69 `GG-UNSUPPORTED` where layers differ.
  func uniformInteger(_ key: String, layers: Int? = nil) throws(Fault) -> Int? {
    guard case .array(let array) = header[key] else { return try header.integer(key) }
    guard array.elementType == .i32 || array.elementType == .u32,
      (1...1 << 16).contains(array.count),
      layers == nil || array.count == layers
    else {
      throw Fault(
        .badData, "GG-META",
        "\(key) is an array of \(array.count) \(array.elementType); one integer"
          + "\(layers.map { ", or 32-bit ones for \($0) layers," } ?? "") is possible")
    }
    let values = try integers(key) ?? []
    guard let first = values.first, values.allSatisfy({ $0 == first }) else {
      throw Fault(
        .unsupported, "GG-UNSUPPORTED",
        "\(key) is not the same in all layers: \(values.first ?? 0)"
          + " and \(values.first { $0 != values.first } ?? 0)")
    }
    return array.elementType == .u32 ? Int(UInt32(bitPattern: first)) : Int(first)
  }

  private func array(_ key: String, of types: [GGUFValueType]) throws(Fault) -> GGUFArray? {
    guard let value = header[key] else { return nil }
    guard case .array(let array) = value, types.contains(array.elementType) else {
      throw Fault(
        .badData, "GG-KVTYPE", "\(key) does not have the element type that its meaning needs",
        path: file.path)
    }
    return array
  }

  private func changed(_ key: String) -> Fault {
    Fault(.temporary, "IO-CHANGED", "\(key) changed while reading", path: file.path)
  }

  // MARK: - Tensors

  /// The decoded values of `tensor`, row-major, rows moved to `permutation`'s order.
  ///
  /// - Throws: 69 `GG-TYPE` for a type without decoder, 65 `GG-SHAPE` for an empty tensor, 65
  ///   `VAL-NAN` at the first value that is not finite.
  func floats(
    of tensor: GGUFTensor, permutation: HeadPermutation? = nil, threads: Int = 1
  ) throws(Fault) -> [Float] {
    let elementCount = tensor.elementCount
    try MemoryGuard.check(elements: elementCount, path: file.path, tensor: tensor.name)
    let values: [Float]
    do throws(Fault) {
      values = try WeightMemory.floats(count: elementCount) { (buffer) throws(Fault) in
        try decode(tensor, permutation, into: buffer, threads: threads)
      }
    } catch {
      throw error.at(path: file.path, tensor: tensor.name)
    }
    try file.checkUnchanged()
    return values
  }

  /// The same of rows `rows` of a matrix alone, in `permutation`'s order.
  func floats(
    of tensor: GGUFTensor, rows: Range<Int>, permutation: HeadPermutation?
  ) throws(Fault) -> [Float] {
    let values: [Float]
    do throws(Fault) {
      let decoder = try decoder(of: tensor)
      let columns = tensor.shape.last ?? 1
      values = try WeightMemory.floats(count: rows.count * columns) { (buffer) throws(Fault) in
        guard let start = buffer.baseAddress else { return }
        guard let permutation else {
          return try decode(
            rows, of: tensor, decoder, nil, into: start, columns: columns, from: rows.lowerBound)
        }
        for row in rows {
          let place = permutation.ggufRow(ofHuggingFace: row)
          try decode(
            place..<place + 1, of: tensor, decoder, nil,
            into: start + (row - rows.lowerBound) * columns, columns: columns, from: place)
        }
      }
    } catch {
      throw error.at(path: file.path, tensor: tensor.name)
    }
    try file.checkUnchanged()
    return values
  }

  private func decoder(of tensor: GGUFTensor) throws(Fault) -> BlockDecoder {
    guard let decoder = BlockDecoder(tensor.type) else {
      throw Fault(.unsupported, "GG-TYPE", "cannot decode type \(tensor.type.name)")
    }
    return decoder
  }

  private func decode(
    _ tensor: GGUFTensor, _ permutation: HeadPermutation?,
    into target: UnsafeMutableBufferPointer<Float>, threads: Int
  ) throws(Fault) {
    let decoder = try decoder(of: tensor)
    guard let start = target.baseAddress, tensor.byteCount > 0 else {
      throw Fault(.badData, "GG-SHAPE", "shape \(tensor.shape) holds no values")
    }
    let columns = tensor.shape.last ?? 1
    let rows = tensor.elementCount / columns
    try withThreads(threads) { () throws(Fault) in
      try shareOut(rows, grain: (1 << 18) / columns + 1, over: start) {
        (range, values) throws(Fault) in
        try decode(range, of: tensor, decoder, permutation, into: values, columns: columns)
      }
    }
  }

  /// Reads and decodes whole rows, a piece of the file at a time, so that the stored form, the
  /// decoded rows and the check for finite values share the cache; `start` is where row `first` lies.
  private func decode(
    _ rows: Range<Int>, of tensor: GGUFTensor, _ decoder: BlockDecoder,
    _ permutation: HeadPermutation?, into start: UnsafeMutablePointer<Float>, columns: Int,
    from first: Int = 0
  ) throws(Fault) {
    let rowBytes = columns / tensor.type.blockElements * tensor.type.blockBytes
    let piece = max(1, WeightMemory.pieceByteCount / rowBytes)
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(piece, rows.count) * rowBytes, alignment: 64)
    defer { scratch.deallocate() }
    for firstRow in stride(from: rows.lowerBound, to: rows.upperBound, by: piece) {
      let count = min(piece, rows.upperBound - firstRow)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(count * rowBytes)])
      try file.read(at: tensor.byteOffset + firstRow * rowBytes, into: bytes)
      guard let source = bytes.bindMemory(to: UInt8.self).baseAddress else { continue }
      for row in 0..<count {
        let place = permutation?.huggingFaceRow(ofGGUF: firstRow + row) ?? firstRow + row
        let values = start + (place - first) * columns
        decoder.decode(source + row * rowBytes, into: values, elements: columns)
        try FiniteCheck.check(values, count: columns, firstIndex: (firstRow + row) * columns)
      }
    }
  }
}
