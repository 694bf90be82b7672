import Checkpoints
import Faults
import JSON
import LinearAlgebra
import Models
import Tensors

/// `forward`: residual streams and logits (`formats/golden.md` §4.3).
enum ForwardCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let decoder = try makeDecoder(context)
    let vocabulary = decoder.weights.configuration.vocabularySize
    let layers = try Numbers.integers(golden.parameters["layers"])
    let count = try golden.parameters["probes"].int(in: 1...256)
    let probes = probeMatrix(seed: golden.seed, vocabulary: vocabulary, count: count)
    let head = OutputHead(weights: decoder.weights, threads: context.workshop.options.threads)
    let tensors = try context.tensors()
    var hiddenError = 0.0
    var valueError = 0.0
    var projectionError = 0.0
    for (index, prompt) in try golden.parameters["prompts"].array().enumerated() {
      let ids = try Numbers.tokens(prompt["ids"], below: vocabulary)
      let positions = try Numbers.integers(prompt["positions"])
      guard positions.allSatisfy(ids.indices.contains) else {
        throw prompt["positions"].fault("outside the prompt")
      }
      var streams: [Int: Matrix<Float>] = [:]
      var batch = TokenBatch()
      batch.append(all: ids)
      let final = try decoder.forward(batch) { layer, stream in
        if layers.contains(layer) { streams[layer] = stream.selectingRows(positions) }
      }
      for layer in layers {
        let expected = try tensors.doubles("\(index).hidden.\(layer)")
        let found = streams[layer]?.elements ?? []
        hiddenError = max(hiddenError, Comparison.relative(found, expected))
      }
      let logits = head.logits(final.selectingRows(positions)).converted(to: Double.self)
      let projected = logits.times(probes)
      projectionError = max(
        projectionError,
        Comparison.relative(
          projected.elements, try tensors.doubles("\(index).logits.projection")))
      valueError = max(valueError, try largest(logits, index, tensors))
    }
    let tolerance = try golden.tolerance("logits")
    return .measured([
      Measurement("hidden", error: hiddenError, tolerance: try golden.tolerance("hidden")),
      Measurement("logits", error: valueError, tolerance: tolerance),
      Measurement("projection", error: projectionError, tolerance: tolerance),
    ])
  }

  /// Our logits where the answer has its largest ones; also no other logit may exceed them by more
  /// than rounding, which the projection of all logits sees.
  private static func largest(
    _ logits: Matrix<Double>, _ prompt: Int, _ tensors: GoldenTensors
  ) throws(Fault) -> Double {
    let ids = try tensors.integers("\(prompt).logits.ids")
    let expected = try tensors.doubles("\(prompt).logits.values")
    guard logits.rows > 0, ids.count == expected.count, ids.count % logits.rows == 0,
      ids.allSatisfy({ (0..<logits.columns).contains($0) })
    else { return .infinity }
    let top = ids.count / logits.rows
    let found = ids.enumerated().map { logits[$0.offset / top, $0.element] }
    return Comparison.relative(found, expected)
  }

  private static func probeMatrix(seed: UInt64, vocabulary: Int, count: Int) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    let scale = Double(vocabulary).squareRoot()
    let normals = generator.normals(vocabulary * count).map { $0 / scale }
    return Matrix(rows: vocabulary, columns: count, elements: normals)
  }

  private static func makeDecoder(_ context: CaseContext) throws(Fault) -> Decoder {
    let path = try context.path("base")
    let decoder = try context.workshop.decoder(
      base: path, adapter: context.optionalPath("adapter"))
    guard let update = context.optionalPath("update") else { return decoder }
    let base = try context.workshop.base(path)
    let tensors = try GoldenTensors(path: update)
    let suffix = ".latent"
    for name in tensors.names where name.hasSuffix(suffix) {
      let module = try Workshop.module(String(name.dropLast(suffix.count)), of: base)
      let (output, latent, input) = (
        try tensors.floatMatrix(module.name + ".output_basis"), try tensors.floatMatrix(name),
        try tensors.floatMatrix(module.name + ".input_basis")
      )
      guard output.rows == module.outFeatures, input.rows == module.inFeatures,
        latent.rows == output.columns, latent.columns == input.columns
      else { throw Fault(.badData, "GV-SHAPE", "factors do not fit", tensor: module.name) }
      decoder.updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: input, core: latent, outputFactor: output)
    }
    return decoder
  }
}
