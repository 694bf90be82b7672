internal import Faults
internal import Files

extension GGUFWeights {
  /// Bytes of each of the two tensors that are in memory at once.
  private static let pieceBytes = 1 << 20

  /// Whether `output.weight` holds the same bytes as `token_embd.weight`: some converters write both for a model
  /// that ties them (`formats/gguf.md` §7.1).
  ///
  /// Different ones mostly differ in the first piece.
  func headRepeatsEmbeddings() throws(Fault) -> Bool {
    func place(_ name: String) -> (file: Int, tensor: GGUFTensor)? {
      places.first { $0.tensor.name == name }
    }
    guard let head = place("output.weight"), let embedding = place("token_embd.weight"),
      head.tensor.type == embedding.tensor.type, head.tensor.shape == embedding.tensor.shape,
      // A factor beside the values may differ.
      head.tensor.type != .nvfp4
    else { return false }
    let count = head.tensor.byteCount
    func piece(_ place: (file: Int, tensor: GGUFTensor), _ start: Int) throws(Fault) -> [UInt8] {
      try files[place.file].file.read(
        at: place.tensor.byteOffset + start, count: min(Self.pieceBytes, count - start))
    }
    for start in stride(from: 0, to: count, by: Self.pieceBytes) {
      guard try piece(head, start) == piece(embedding, start) else { return false }
    }
    return true
  }
}
