import Checkpoints
import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

/// ``ReferenceModel`` against Transformers' classes in Float64: logits, loss, the gradient of every core and second moments of every
/// module, relative to 1e-9.
@Suite struct ReferenceTests {
  /// Double's own rounding is some 1e-16, and the deepest of these models adds up to 1e-13.
  static let tolerance = 1e-9

  // MARK: - Families

  @Test(arguments: GoldenFamilies.all)
  func decodersAgreeWithTransformers(_ name: String) throws {
    let golden = try FamilyModel(name)
    let base = try golden.open(.huggingFace)
    let pass = ReferencePass(try ReferenceModel(base, updates: updates(of: base)))
    expect(
      pass.logits(.tokens(golden.prompt), at: golden.positions), try golden.expected("logits"),
      "logits")
    let measured = ReferencePass(pass.model)
    let loss = measured.loss(golden.examples)
    loss.differentiate()
    expect(loss, try golden.expected("loss"), "loss")
    let tokens = golden.examples.reduce(0) { $0 + $1.prompt.count + $1.completion.count - 1 }
    try compare(
      measured, base, gradients: golden.expected("gradient"), moments: golden.expected("moments"),
      tokens: tokens)
  }

  @Test(arguments: EncoderTests.folders)
  func encodersAgreeWithTransformers(_ name: String) throws {
    let golden = try EncoderModel(name)
    let base = try BaseCheckpoint.open(EncoderModel.folder(name))
    let rows = try golden.referenceRows(base)
    let plain = ReferencePass(try ReferenceModel(base))
    expect(
      Term.stacked(rows.map { plain.logits($0.input, at: [$0.position]) }),
      try golden.expected("logits"), "logits")
    let measured = ReferencePass(try ReferenceModel(base, updates: updates(of: base)))
    let losses = rows.enumerated().map { index, row in
      let answer = measured.logits(row.input, at: [row.position])
      guard base.configuration.classHead?.isRegression == true else {
        return answer.crossEntropy([golden.batch.targets[index]])
      }
      let difference = answer.shifted(by: -Double(golden.batch.values[index]))
      return difference * difference
    }
    let loss = Term.stacked(losses).total.scaled(by: 1 / Double(losses.count))
    loss.differentiate()
    expect(loss, try golden.expected("loss"), "loss")
    try compare(
      measured, base, gradients: golden.expected("gradient"), moments: golden.expected("moments"),
      tokens: golden.batch.tokens.count)
  }

  /// Llama and Mistral: every RoPE scaling, biases, windows.
  @Test(arguments: TinyVariant.all)
  func variantsOfLlamaAgreeWithTransformers(_ variant: TinyVariant) throws {
    let common = try TinyVariant.common()
    func tokens(_ value: JSONValue?) throws -> [Int32] {
      try #require(value?.arrayValue).compactMap { $0.intValue.map(Int32.init) }
    }
    let positions = (common["positions"]?.arrayValue ?? []).compactMap(\.intValue)
    let examples = try (common["examples"]?.arrayValue ?? []).map {
      (prompt: try tokens($0["prompt"]), completion: try tokens($0["completion"]))
    }
    try variant.withFolder { folder in
      let base = try BaseCheckpoint.open(folder)
      var updates: [String: ReferenceModel.Update] = [:]
      for module in base.linearModules {
        func factor(_ part: String) throws -> Matrix<Double> {
          let values = try TinyVariant.values("\(module.name).\(part)", in: "factors")
          return Matrix(rows: values.count / 2, columns: 2, elements: values)
        }
        updates[module.name] = .init(
          output: try factor("output"), core: try factor("latent"), input: try factor("input"))
      }
      let pass = ReferencePass(try ReferenceModel(base, updates: updates))
      expect(
        pass.logits(.tokens(try tokens(common["prompt"])), at: positions),
        try TinyVariant.values("\(variant).logits"), "logits")
      let loss = pass.loss(examples)
      loss.differentiate()
      expect(loss, try TinyVariant.values("\(variant).loss"), "loss")
      compare(pass, base, gradients: try TinyVariant.values("\(variant).gradient"))
    }
  }

  // MARK: - Comparing

  /// The updates of the golden models, whose numbers are those of Float32.
  private func updates(of base: BaseCheckpoint) -> [String: ReferenceModel.Update] {
    var updates: [String: ReferenceModel.Update] = [:]
    for (index, module) in base.linearModules.enumerated() {
      let factors = FamilyModel.Factors(index: index, module)
      updates[module.name] = .init(
        output: factors.output.converted(), core: factors.core.converted(),
        input: factors.input.converted())
    }
    return updates
  }

  private func expect(_ found: Term, _ expected: [Double], _ what: String) {
    let error = relativeError(found.value.elements, expected)
    #expect(error <= Self.tolerance, "\(what) \(error)")
  }

  private func compare(_ pass: ReferencePass, _ base: BaseCheckpoint, gradients: [Double]) {
    for (index, module) in base.linearModules.enumerated() {
      let found = pass.factors[module.name]?.core.gradient.elements ?? []
      let error = relativeError(found, Array(gradients[4 * index..<4 * index + 4]))
      #expect(error <= Self.tolerance, "\(module.name) \(error)")
    }
  }

  private func compare(
    _ pass: ReferencePass, _ base: BaseCheckpoint, gradients: [Double], moments: [Double],
    tokens: Int
  ) throws {
    compare(pass, base, gradients: gradients)
    for (index, module) in base.linearModules.enumerated() {
      let factors = FamilyModel.Factors(index: index, module)
      let calls = try #require(pass.calls[module.name])
      // (formats/tuning.md) The inputs of an expert count as if tokens went to all experts alike.
      let share = base.configuration.block(module.layer).tokensPerInput(module.kind)
      let found = [
        share * sum(calls.map(\.input.value), factors.inputProbe) / Double(tokens),
        sum(calls.map(\.output.gradient), factors.outputProbe) / Double(tokens),
      ]
      for (value, wanted) in zip(found, moments[2 * index..<2 * index + 2]) {
        #expect(
          abs(value - wanted) <= Self.tolerance * wanted, "\(module.name) \(value) \(wanted)")
      }
    }
  }

  /// Σ (x·v)² over rows x.
  private func sum(_ matrices: [Matrix<Double>], _ probe: [Float]) -> Double {
    matrices.reduce(0) { sum, rows in
      (0..<rows.rows).reduce(sum) { sum, row in
        let image = probe.indices.reduce(0) { $0 + rows[row, $1] * Double(probe[$1]) }
        return sum + image * image
      }
    }
  }

  // MARK: - The reference itself

  /// Its gradients against (L(M + h) − L(M − h)) / 2h of its own loss, h = 10⁻⁵, for every factor of every module.
  @Test func gradientsAreCentralDifferences() throws {
    let model = try TinyModel(seed: 12).reference
    let pass = ReferencePass(model)
    pass.loss(TinyModel.examples).differentiate()
    for (name, factor) in pass.factors {
      try check(model, name, \.output, factor.output.gradient)
      try check(model, name, \.core, factor.core.gradient)
      try check(model, name, \.input, factor.input.gradient)
    }
  }

  private func check(
    _ model: ReferenceModel, _ name: String,
    _ side: WritableKeyPath<ReferenceModel.Update, Matrix<Double>>, _ gradient: Matrix<Double>
  ) throws {
    let step = 1e-5
    // The first entries of each, and the last one.
    let places = [0, 1, gradient.elements.count - 1]
    let differences = places.map { place in
      var (up, down) = (model, model)
      up.updates[name]?[keyPath: side].elements[place] += step
      down.updates[name]?[keyPath: side].elements[place] -= step
      return (up.loss(TinyModel.examples) - down.loss(TinyModel.examples)) / (2 * step)
    }
    let error = relativeError(places.map { gradient.elements[$0] }, differences)
    #expect(error < 1e-6, "\(name) \(error)")
  }
}

extension EncoderModel {
  /// Its texts or images as the reference reads them, and the position that answers.
  fileprivate func referenceRows(
    _ base: BaseCheckpoint
  ) throws -> [(input: ReferenceModel.Input, position: Int)] {
    let images = try base.configuration.imageShape.map { try patches(base, $0) }
    return zip(batch.sequences, batch.lossPositions).enumerated().map { index, row in
      let (sequence, position) = row
      if let images { return (.patches(images[index]), position - sequence.lowerBound) }
      let types = batch.types.isEmpty ? [] : Array(batch.types[sequence])
      return (
        .tokens(Array(batch.tokens[sequence]), types: types), position - sequence.lowerBound
      )
    }
  }

  /// The patches of its images in Float64: of bytes (b·factor − mean) / deviation.
  private func patches(_ base: BaseCheckpoint, _ shape: ImageShape) throws -> [Matrix<Double>] {
    let path = Self.folder(name) + "/images.npy"
    let raw = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)).dropFirst(128))
    let numbers = raw.withUnsafeBytes { raw in
      (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    let processing = name == "vit" ? try base.imageProcessing(shape) : nil
    let across = shape.width / shape.patchWidth
    let ofPatch = shape.patchHeight * shape.patchWidth
    return batch.sequences.indices.map { image in
      func pixel(_ channel: Int, _ row: Int, _ column: Int) -> Double {
        guard let processing else {
          let plane = image * shape.channels + channel
          return Double(numbers[(plane * shape.height + row) * shape.width + column])
        }
        let place = (image * shape.height + row) * shape.width + column
        let byte = Double(raw[place * shape.channels + channel])
        return (byte * processing.factor - processing.mean[channel]) / processing.deviation[channel]
      }
      return Term.constant(rows: shape.patchCount, columns: shape.patchSize) { patch, number in
        let (channel, place) = (number / ofPatch, number % ofPatch)
        return pixel(
          channel, patch / across * shape.patchHeight + place / shape.patchWidth,
          patch % across * shape.patchWidth + place % shape.patchWidth)
      }.value
    }
  }
}
