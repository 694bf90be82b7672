import Bases
import Checkpoints
import Evaluation
import Models
import Ranks
import Tensors
import TestSupport
import Training

/// A tuning run on the committed tiny model: Gaussian bases, random tokens, a teacher made by a random update.
struct TinyRun {
  let weights: DecoderWeights
  let modules: [LinearModule]
  let bases: [ModuleBasis]
  let updates: UpdateSet
  let teacher: DecoderPool
  let examples: [TokenizedExample]

  /// - Parameter factor: By how much examples are longer than three to nine tokens of prompt.
  init(seed: UInt64 = 7, lengthening factor: Int = 1) throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/tiny/model"))
    weights = try DecoderWeights(base: base)
    modules = base.linearModules
    var generator = SeededGenerator(seed: seed)
    func random(_ rows: Int, _ columns: Int, _ scale: Double) -> Matrix<Float> {
      Matrix(
        rows: rows, columns: columns,
        elements: generator.normals(rows * columns).map { Float($0 * scale) })
    }
    bases = modules.map { module in
      ModuleBasis(
        moduleName: module.name,
        outputBasis: random(module.outFeatures, 2, 1 / Double(module.outFeatures).squareRoot()),
        inputBasis: random(module.inFeatures, 2, 1 / Double(module.inFeatures).squareRoot()),
        outputSingularValues: [1, 1], inputSingularValues: [1, 1],
        selection: .random(rank: 2, seed: seed))
    }
    var updates = UpdateSet(layerCount: base.configuration.layerCount)
    for (module, basis) in zip(modules, bases) {
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: basis.inputBasis, core: random(2, 2, 1.5), outputFactor: basis.outputBasis)
    }
    self.updates = updates
    teacher = DecoderPool(weights: weights, updates: updates, threads: 1)
    let vocabulary = base.configuration.vocabularySize
    examples = (0..<40).map { index in
      let length = (3 + index % 7) * factor
      return TokenizedExample(
        prompt: (0..<length).map { _ in Int32(generator.index(below: vocabulary)) },
        completion: (0..<1 + index % 3).map { _ in Int32(generator.index(below: vocabulary)) })
    }
  }

  /// A tuner from zero latents, by this run's teacher or another.
  func tuner(
    _ options: TuningOptions, threads: Int = 2, teacher: DecoderPool? = nil,
    store: TeacherStateStore? = nil, stateByteLimit: Int = TeacherStates.mostBytes,
    ranks: Ranks = .one
  ) -> Tuner {
    let student = StudentModel(
      weights: weights, modules: modules, bases: bases,
      latents: modules.map { _ in Matrix(rows: 2, columns: 2) }, threads: threads,
      trainingPrecision: options.precision, recomputes: options.recomputes)
    let data = TuningData(
      training: Array(examples.prefix(32)), validation: Array(examples.suffix(8)),
      teacher: teacher ?? self.teacher, store: store, stateByteLimit: stateByteLimit,
      ranks: ranks)
    return Tuner(
      student: student, data: data, options: options,
      trainables: [LatentTraining(student.latents)])
  }

  /// A tuner of latents of rank 1 and two residual pairs of random codes, whose vectors train or do not.
  func residualTuner(_ options: TuningOptions) throws -> (tuner: Tuner, residual: ResidualTraining)
  {
    var generator = SeededGenerator(seed: 3)
    func coded(_ features: Int) -> CodedColumns {
      CodedColumns(
        features: features, count: 2,
        codes: generator.normals(features * 2).map { Int8(max(-7, min(7, ($0 * 3).rounded()))) })
    }
    let residuals = modules.map { (output: coded($0.outFeatures), input: coded($0.inFeatures)) }
    let bases = zip(bases, residuals).map { basis, residual in
      ModuleBasis(
        moduleName: basis.moduleName, outputBasis: basis.outputBasis.selectingColumns([0]),
        inputBasis: basis.inputBasis.selectingColumns([0]), outputSingularValues: [1],
        inputSingularValues: [1], selection: .random(rank: 1, seed: 1)
      ).appending(output: residual.output.matrix, input: residual.input.matrix)
    }
    let student = StudentModel(
      weights: weights, modules: modules, bases: bases,
      latents: modules.map { _ in .identity(3) }, threads: 2,
      trainsResidual: options.tunesResidual)
    let residual = ResidualTraining(residuals: residuals)
    let latents = LatentTraining(student.latents)
    return (
      Tuner(
        student: student,
        data: TuningData(
          training: Array(examples.prefix(32)), validation: Array(examples.suffix(8)),
          teacher: teacher), options: options,
        trainables: options.tunesResidual ? [latents, residual] : [latents]),
      residual
    )
  }

  static var options: TuningOptions {
    var options = TuningOptions()
    options.steps = 12
    options.batchSize = 8
    options.warmup = 3
    options.learningRate = 0.1
    options.validationInterval = 4
    options.checkpointInterval = 5
    return options
  }
}
