import Bases
import Checkpoints
import Evaluation
import Faults
import JSON
import Models
import Tensors
import Training

/// The model of gradient and training cases: seeded factors on every linear module (`formats/golden.md` §5.3), or zeros in
/// the base's first directions, and the examples by token ids.
struct SeededStudent {
  let student: StudentModel
  let teacher: Decoder?
  let examples: [TokenizedExample]
  let objective: TuningOptions.Objective
  /// The factors of every module.
  let bases: [ModuleBasis]
  /// Whether they are the base's first directions.
  let hasTopDirections: Bool

  init(_ context: CaseContext) throws(Fault) {
    let golden = context.golden
    let path = try context.path("base")
    let base = try context.workshop.base(path)
    let weights = try context.workshop.weights(path)
    let rank = try golden.parameters["rank"].int(in: 1...1024)
    let hasTopDirections = golden.parameters["directions"].isPresent
    let scale = hasTopDirections ? 0 : try golden.parameters["latentScale"].double()
    let name = try golden.parameters["objective"].string()
    guard let objective = TuningOptions.Objective(rawValue: name) else {
      throw golden.parameters["objective"].fault("unknown objective \(name)")
    }
    self.objective = objective
    var bases: [ModuleBasis] = []
    var latents: [Matrix<Float>] = []
    for (index, module) in base.linearModules.enumerated() {
      func factor(_ stream: Int, rows: Int, scale: Double) -> Matrix<Float> {
        var generator = SeededGenerator(seed: golden.seed, stream: UInt64(3 * index + stream))
        let normals = generator.normals(rows * rank)
        return Matrix(rows: rows, columns: rank, elements: normals.map { Float($0 * scale) })
      }
      latents.append(factor(3, rows: rank, scale: scale))
      guard !hasTopDirections else {
        let basis = try SingularBasis(
          weight: try base.matrix(module.weightName), moduleName: module.name)
        bases.append(try basis.moduleBasis(for: .top(rank: rank, omegaSeed: golden.seed)))
        continue
      }
      func root(_ features: Int) -> Double { 1 / Double(features).squareRoot() }
      bases.append(
        ModuleBasis(
          moduleName: module.name,
          outputBasis: factor(1, rows: module.outFeatures, scale: root(module.outFeatures)),
          inputBasis: factor(2, rows: module.inFeatures, scale: root(module.inFeatures)),
          outputSingularValues: [], inputSingularValues: [],
          selection: .random(rank: LatentRank(rank), seed: golden.seed)))
    }
    self.bases = bases
    self.hasTopDirections = hasTopDirections
    let threads = context.workshop.options.threads
    student = StudentModel(
      weights: weights, modules: base.linearModules, bases: bases, latents: latents,
      threads: threads)
    teacher =
      objective == .ce
      ? nil : try context.workshop.decoder(base: path, adapter: try context.path("adapter"))
    let vocabulary = base.configuration.vocabularySize
    var examples: [TokenizedExample] = []
    for field in try golden.parameters["examples"].array() {
      let example = TokenizedExample(
        prompt: try Numbers.tokens(field["prompt"], below: vocabulary),
        completion: try Numbers.tokens(field["completion"], below: vocabulary))
      guard !example.prompt.isEmpty, !example.completion.isEmpty else {
        throw field.fault("prompt or completion is empty")
      }
      examples.append(example)
    }
    self.examples = examples
  }

  /// The mean loss over the completion positions of some examples, and ∂loss/∂M per module.
  func gradient(_ range: Range<Int>) throws(Fault) -> (loss: Double, gradients: [Matrix<Float>]) {
    let batch = batch(range)
    let hidden = try student.decoder.forward(batch, recording: true)
    let (loss, gradient) = student.head.loss(
      hidden, targets: batch.targets, teacher: try teacher?.forward(batch),
      objective: objective.weights)
    return (loss, try student.decoder.backward(gradient))
  }

  /// The mean loss alone.
  func loss(_ range: Range<Int>) throws(Fault) -> Double {
    let batch = batch(range)
    return student.head.loss(
      try student.decoder.forward(batch), targets: batch.targets,
      teacher: try teacher?.forward(batch),
      objective: objective.weights
    ).value
  }

  private func batch(_ range: Range<Int>) -> TokenBatch {
    var batch = TokenBatch()
    for example in examples[range] {
      batch.append(prompt: example.prompt, completion: example.completion)
    }
    return batch
  }
}
