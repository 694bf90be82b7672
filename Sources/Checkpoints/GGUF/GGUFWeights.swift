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

  /// The metadata of the model.
  var header: GGUFHeader { files[0].header }

  init(_ path: String) throws(Fault) {
    files = try GGUFSplit.open(path)
    places = files.enumerated().flatMap { index, file in
      file.header.tensors.map { (index, $0) }
    }
    tensors = places.map { place in
      TensorInfo(
        name: place.tensor.name, dtypeName: place.tensor.type.name, shape: place.tensor.shape,
        byteOffset: place.tensor.byteOffset, byteCount: place.tensor.byteCount)
    }
    do throws(Fault) {
      architecture = try files[0].header.text("general.architecture")
    } catch {
      throw error.at(path: path)
    }
  }

  var paths: [String] { files.map(\.file.path) }

  func huggingFaceName(at index: Int) -> String? {
    architecture == "llama" ? LlamaNames.huggingFace(gguf: tensors[index].name) : nil
  }

  func floats(at index: Int, threads: Int) throws(Fault) -> [Float] {
    let (file, tensor) = places[index]
    var values = try files[file].floats(
      of: tensor, permutation: tensor.shape.count > 1 ? try permutation(of: tensor) : nil,
      threads: threads)
    if tensor.shape.count == 1, let order = try permutation(of: tensor) {
      values = order.huggingFaceOrder(of: values)
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

  /// The row order of `tensor`: queries and keys of the llama family, and their biases, are stored interleaved.
  func permutation(of tensor: GGUFTensor) throws(Fault) -> HeadPermutation? {
    guard architecture == "llama",
      let (_, leaf) = LlamaNames.split(tensor.name, prefix: "blk.")
    else { return nil }
    let isQuery = leaf == "attn_q.weight" || leaf == "attn_q.bias"
    guard isQuery || leaf == "attn_k.weight" || leaf == "attn_k.bias" else { return nil }
    do throws(Fault) {
      let heads = try files[0].uniformInteger("llama.attention.head_count") ?? 0
      let count =
        isQuery ? heads : try files[0].uniformInteger("llama.attention.head_count_kv") ?? heads
      let rows = tensor.shape.first ?? 1
      if let order = HeadPermutation(rows: rows, headCount: count) { return order }
      throw Fault(.badData, "GG-META", "\(rows) rows are not \(count) heads of even width")
    } catch {
      throw error.at(path: files[0].file.path, tensor: tensor.name)
    }
  }
}
