import Artifacts
import Faults
import JSON
import Tensors

/// `quantisers`: codes, scales and rounded numbers of latents, and columns of a residual (`formats/golden.md` §4.14).
enum QuantisersCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let tensors = try context.tensors()
    var (codes, scales, values) = (0, 0, 0)
    for field in try context.golden.parameters["latents"].array() {
      let (name, word) = (try field["name"].string(), try field["storage"].string())
      guard let storage = LatentStorage(rawValue: word) else {
        throw field["storage"].fault("expected a storage of latents")
      }
      let weights = name + ".weights"
      let stored = try StoredLatent(
        try tensors.floatMatrix(name + ".latent"), storage: storage,
        rowWeights: tensors.contains(weights) ? try tensors.doubles(weights) : nil)
      values += Comparison.differences(
        stored.matrix.elements, try tensors.floatMatrix(name + ".values").elements)
      guard storage.isQuantised else { continue }
      codes += Comparison.differences(
        stored.codes.map(Int.init), try tensors.integers(name + ".codes"))
      scales += Comparison.differences(
        stored.scaleCodes.map(Int.init), try tensors.integers(name + ".scales"))
    }
    return .measured([
      .exact("scales", differences: scales), .exact("codes", differences: codes),
      .exact("values", differences: values),
      .exact("columns", differences: try columns(tensors)),
    ])
  }

  /// Columns of codes, `[count, features]`, as a loader uses them, `[features, count]`.
  private static func columns(_ tensors: GoldenTensors) throws(Fault) -> Int {
    let shape = try tensors.shape("columns.codes")
    let numbers = try tensors.integers("columns.codes")
    guard shape.count == 2, let codes = numbers.codes else {
      throw Fault(
        .badData, "GV-SHAPE", "expected columns of codes in -128...127", tensor: "columns.codes")
    }
    return Comparison.differences(
      CodedColumns(features: shape[1], count: shape[0], codes: codes).matrix.elements,
      try tensors.floatMatrix("columns.values").elements)
  }
}

extension [Int] {
  /// The numbers as codes; nil where one is out of range.
  fileprivate var codes: [Int8]? {
    let codes = compactMap { Int8(exactly: $0) }
    return codes.count == count ? codes : nil
  }
}
