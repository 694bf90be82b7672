internal import Faults
internal import Files

/// The tensors of one GGUF model, which may be split over several files (`formats/gguf.md` §9).
struct GGUFWeights: WeightSource {
  /// The files in split order; the first holds the metadata.
  let files: [GGUFFile]
  let tensors: [TensorInfo]
  /// The file of each tensor, and its entry there.
  let places: [(file: Int, tensor: GGUFTensor)]
  /// `general.architecture`.
  let architecture: String?
  /// The family, where it is a known one.
  let family: Family?
  /// The names of its tensors.
  let names: TensorNames?
  /// Rows of learned positions before that of the first token, which the file lacks; they are read as zeros.
  let positionOffset: Int

  /// The metadata of the model.
  var header: GGUFHeader { files[0].header }

  init(_ path: String) throws(Fault) {
    files = try GGUFSplit.open(path)
    places = files.enumerated().flatMap { index, file in
      file.header.tensors.map { (index, $0) }
    }
    var tensors = places.map { place in
      TensorInfo(
        name: place.tensor.name, dtypeName: place.tensor.type.name, shape: place.tensor.shape,
        byteOffset: place.tensor.byteOffset, byteCount: place.tensor.byteCount)
    }
    do throws(Fault) {
      architecture = try files[0].header.text("general.architecture")
      let hasExperts = tensors.contains { $0.name == TensorNames.expertMark }
      let vocabulary = try files[0].header.text("tokenizer.ggml.model")
      family = architecture.flatMap {
        Family.of(ggufArchitecture: $0, hasExperts: hasExperts, vocabulary: vocabulary)
      }
      names = family?.hasTwoNorms(tensors) == true ? family?.twoNorms?.names : family?.names
      positionOffset =
        names?.storage(.positions) == .behindOffset
        ? try GGUFWeights.paddingToken(files[0].header) + 1 : 0
    } catch {
      throw error.at(path: path)
    }
    for (index, tensor) in tensors.enumerated() {
      switch names?.place(gguf: tensor.name)?.row.storage {
      case .oneRow where tensor.shape.count == 1: tensors[index].shape.insert(1, at: 0)
      case .behindOffset where tensor.shape.count == 2:
        let (rows, overflows) = tensor.shape[0].addingReportingOverflow(positionOffset)
        guard !overflows else {
          throw Fault(
            .badData, "GG-SHAPE", "\(tensor.shape[0]) rows of positions", path: path,
            tensor: tensor.name)
        }
        tensors[index].shape[0] = rows
      default: continue
      }
    }
    self.tensors = tensors
  }

  /// The token that fills up shorter texts, whose row of positions is the last before those of others; 1 where none is stated.
  private static func paddingToken(_ header: GGUFHeader) throws(Fault) -> Int {
    let key = "tokenizer.ggml.padding_token_id"
    let id = try header.integer(key) ?? 1
    guard (0..<1 << 16).contains(id) else {
      throw Fault(.badData, "GG-META", "\(key) is \(id); 0 to 65535 is possible")
    }
    return id
  }

  var paths: [String] { files.map(\.file.path) }

  func huggingFaceName(at index: Int) -> String? {
    names?.huggingFace(gguf: tensors[index].name)
  }

  func partNames(at index: Int) -> [String] {
    let tensor = tensors[index]
    guard let names, let place = names.place(gguf: tensor.name), place.suffix == ".weight",
      let layer = place.layer, let count = tensor.shape.first,
      // As many heads or experts as a model may have.
      count <= 1 << 16
    else { return [] }
    switch (place.row.storage, place.row.role) {
    case (.perHead, let role) where tensor.shape.count == 2:
      return names.modules(role, layer: layer, heads: count).map { $0 + place.suffix }
    case (.perExpert, .linear(.expert(_, let part))) where tensor.shape.count == 3:
      return (0..<count).compactMap { number in
        names.module(.linear(.expert(number, part)), layer: layer).map { $0 + place.suffix }
      }
    default: return []
    }
  }

  func floats(at index: Int, threads: Int) throws(Fault) -> [Float] {
    let (file, tensor) = places[index]
    var values = try files[file].floats(
      of: tensor, permutation: tensor.shape.count > 1 ? try permutation(of: tensor) : nil,
      threads: threads)
    if tensor.shape.count == 1, let order = try permutation(of: tensor) {
      values = order.huggingFaceOrder(of: values)
    }
    switch storage(of: tensor) {
    case .plusOne: for index in values.indices { values[index] -= 1 }
    case .behindOffset: values.insert(contentsOf: absentPositions(of: tensor), at: 0)
    default: break
    }
    if let factor = try factor(of: tensor) {
      for index in values.indices { values[index] *= factor }
      // What was finite before may not be now.
      if let index = values.firstIndex(where: { !$0.isFinite }) {
        throw Fault(
          .badData, "VAL-RANGE", "element \(index) is \(values[index]) with its factor \(factor)",
          tensor: tensor.name)
      }
    }
    return values
  }

  func floats(at index: Int, rows: Range<Int>) throws(Fault) -> [Float]? {
    let (file, tensor) = places[index]
    guard tensor.shape.count >= 2, try factor(of: tensor) == nil else { return nil }
    switch storage(of: tensor) {
    case .asIs, .rotaryPairs, .byGroup, .perHead, .perExpert, .oneRow: break
    case .transposed, .plusOne, .behindOffset, .bare: return nil
    }
    return try files[file].floats(
      of: tensor, rows: rows, permutation: try permutation(of: tensor))
  }

  /// Zeros for the rows of positions that the file lacks.
  func absentPositions(of tensor: GGUFTensor) -> [Float] {
    [Float](repeating: 0, count: positionOffset * (tensor.shape.last ?? 0))
  }

  /// What an NVFP4 tensor `NAME.weight` is multiplied by: the one value of `NAME.scale`, where there is one.
  private func factor(of tensor: GGUFTensor) throws(Fault) -> Float? {
    guard tensor.type == .nvfp4, tensor.name.hasSuffix(".weight") else { return nil }
    let name = tensor.name.dropLast(6) + "scale"
    guard let place = places.first(where: { $0.tensor.name == name }) else { return nil }
    guard place.tensor.type == .f32, place.tensor.elementCount == 1 else {
      throw Fault(
        .unsupported, "GG-TYPE",
        "\(place.tensor.type.name) \(place.tensor.shape), the factor of a tensor is one F32 value",
        path: files[place.file].file.path, tensor: place.tensor.name)
    }
    return try files[place.file].floats(of: place.tensor).first
  }

  /// How a tensor is stored.
  func storage(of tensor: GGUFTensor) -> TensorNames.Storage {
    names?.place(gguf: tensor.name)?.row.storage ?? .asIs
  }

  /// The row order of `tensor` and its bias, where it is not that of Hugging Face.
  func permutation(of tensor: GGUFTensor) throws(Fault) -> HeadPermutation? {
    guard let architecture, case .linear(let kind)? = names?.place(gguf: tensor.name)?.row.role
    else { return nil }
    let storage = storage(of: tensor)
    guard storage == .rotaryPairs || storage == .byGroup else { return nil }
    do throws(Fault) {
      let key = "\(architecture).attention.head_count"
      let heads = try files[0].uniformInteger(key) ?? 0
      let count = kind == .key ? try files[0].uniformInteger("\(key)_kv") ?? heads : heads
      let rows = tensor.shape.first ?? 1
      if storage == .byGroup {
        let count = try files[0].uniformInteger("\(key)_kv") ?? heads
        if let order = HeadPermutation(rows: rows, heads: heads, keyValueHeads: count) {
          return order
        }
        throw Fault(
          .badData, "GG-META", "\(rows) rows are not queries, keys and values of \(heads) heads")
      }
      if let order = HeadPermutation(rows: rows, headCount: count) { return order }
      throw Fault(.badData, "GG-META", "\(rows) rows are not \(count) heads of even width")
    } catch {
      throw error.at(path: files[0].file.path, tensor: tensor.name)
    }
  }
}
