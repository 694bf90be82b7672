package import Adapters
package import Checkpoints
import Evaluation
package import Faults
package import Recipes
package import Tensors

/// A head for classes that a job from nothing puts on an encoder without one, and trains beside its latents.
///
/// Weights are drawn from a normal distribution of deviation 0.02, as Transformers initialises them, biases are zero.
package struct NewHead: Sendable {
  /// The model with the head.
  package let model: DecoderConfiguration
  /// The head as it begins.
  package let parts: [AdapterPart]

  private static let deviation = 0.02
  /// Keeps these draws apart from other uses of the same seed.
  private static let stream: UInt64 = 0x6865_6164

  /// The head that training on `rows` needs; nil where the base has one, or its answers are tokens.
  ///
  /// - Parameters:
  ///   - rows: The training file; without one nothing is trained, and no head needed.
  /// - Throws: what reading the training rows throws; 65 `DATA-HEAD`, `DATA-LABEL` for rows that no head can be made for.
  package init?(
    rows file: Recipe.Data?, seed: UInt64, base: DecoderConfiguration
  ) throws(Fault) {
    guard !base.answers, let form = base.classForm, let file else { return nil }
    let names = try NewHead.names(
      DataSet(path: file.path, limit: file.limit, skip: file.skip), stated: base.statedLabels)
    let model = base.with(ClassHead(form: form, names: names))
    self.model = model
    var generator = SeededGenerator(seed: seed, stream: NewHead.stream)
    parts = NewHead.shapes(of: model).map { parameter in
      let count = parameter.shape.reduce(1, *)
      let values =
        parameter.leaf == "bias"
        ? [Float](repeating: 0, count: count)
        : generator.normals(count).map { Float(NewHead.deviation * $0) }
      return AdapterPart(
        module: parameter.module, leaf: parameter.leaf, shape: parameter.shape,
        change: .replaced(values))
    }
  }

  /// The head with other numbers, in the order of `ClassLayers.parameters`.
  package func parts(_ values: [Matrix<Float>]) -> [AdapterPart] {
    zip(parts, values).map { part, matrix in
      AdapterPart(
        module: part.module, leaf: part.leaf, shape: part.shape,
        change: .replaced(matrix.elements))
    }
  }

  /// The parameters of the head, in the order of `ClassLayers.parameters`.
  private static func shapes(
    of model: DecoderConfiguration
  ) -> [(module: String, leaf: String, shape: [Int])] {
    model.classModules.reversed().flatMap { module in
      ["weight", "bias"].compactMap { leaf in
        model.parameters.first { $0.name == "\(module).\(leaf)" }.map { (module, leaf, $0.shape) }
      }
    }
  }

  /// Classes that a head may have whatever the number of examples.
  private static let mostUnseen = 64

  /// The names of the classes: those that the base's files state, else as many as the numbers of the rows need.
  private static func names(_ set: DataSet, stated: [String]?) throws(Fault) -> [String] {
    var (labels, scores) = ([Int](), 0)
    for (index, row) in set.rows.enumerated() {
      let answer: ClassifiedText.Answer
      switch row {
      case .classified(let text): answer = text.answer
      case .image(let image): answer = image.answer
      default:
        throw Fault(
          .badData, "DATA-HEAD",
          "example \(index + 1) has no label and no score, and the model's head predicts no tokens",
          path: set.path)
      }
      switch answer {
      case .label(let label): labels.append(label)
      case .score: scores += 1
      case .name:
        guard stated == nil else { continue }
        throw Fault(
          .badData, "DATA-LABEL",
          "example \(index + 1) names its label, and the model's files name none; give numbers from 0",
          path: set.path)
      }
    }
    if let stated { return stated }
    if scores == set.rows.count { return ClassHead.defaultNames(1) }
    guard scores == 0 else {
      throw Fault(
        .badData, "DATA-LABEL",
        "\(scores) of \(set.rows.count) examples have scores, others labels",
        path: set.path)
    }
    let count = max((labels.max() ?? 0) + 1, 2)
    // A label that is none would make a head of as many classes.
    guard count <= max(set.rows.count, mostUnseen) else {
      throw Fault(
        .badData, "DATA-LABEL",
        "label \(count - 1) asks for a head of \(count) classes, and there are \(set.rows.count) examples",
        path: set.path)
    }
    return ClassHead.defaultNames(count)
  }
}
