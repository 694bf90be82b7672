import Bases
import Checkpoints
import Faults
import JSON
import LinearAlgebra
import Tensors
import Training

/// `gradient`: the loss of a batch and its gradient in every latent (`formats/golden.md` §4.4).
enum GradientCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let model = try SeededStudent(context)
    let (loss, gradients) = try model.gradient(model.examples.indices)
    let expectedLoss = try golden.expected["loss"].double()
    let worst =
      model.hasTopDirections
      ? try worstProjected(context, model, gradients)
      : try worstLatent(context, model, gradients)
    return .measured([
      Measurement(
        "loss", error: Comparison.relative([loss], [expectedLoss]),
        tolerance: try golden.tolerance("loss")),
      Measurement("gradient", error: worst, tolerance: try golden.tolerance("gradient")),
    ])
  }

  private static func worstLatent(
    _ context: CaseContext, _ model: SeededStudent, _ gradients: [Matrix<Float>]
  ) throws(Fault) -> Double {
    let expected = try answers(context, model)
    guard gradients.count == expected.count else { return .infinity }
    return zip(gradients, expected).map { Comparison.relative($0.elements, $1) }.max() ?? .infinity
  }

  /// Of the first directions only their span is the same in all programs: compared is `U (∂loss/∂M) Vᵀ`.
  private static func worstProjected(
    _ context: CaseContext, _ model: SeededStudent, _ gradients: [Matrix<Float>]
  ) throws(Fault) -> Double {
    let tensors = try context.tensors()
    var worst = 0.0
    for name in try Numbers.strings(context.golden.parameters["modules"]) {
      guard let index = model.bases.firstIndex(where: { $0.moduleName == name }) else {
        throw context.golden.parameters["modules"].fault("no linear module \(name)")
      }
      let (output, input): (Matrix<Double>, Matrix<Double>) = (
        model.bases[index].outputBasis.converted(), model.bases[index].inputBasis.converted()
      )
      let found = output.times(gradients[index].converted()).times(input, transposeOther: true)
      worst = max(
        worst, Comparison.relative(found.elements, try tensors.doubles(name + ".gradient")))
    }
    return worst
  }

  private static func answers(
    _ context: CaseContext, _ model: SeededStudent
  ) throws(Fault) -> [[Double]] {
    let tensors = try context.tensors()
    guard tensors.contains("gradients") else {
      var answers: [[Double]] = []
      for module in model.student.modules {
        answers.append(try tensors.doubles(module.name + ".latent"))
      }
      return answers
    }
    return try split(tensors, "gradients", into: model.student.modules.count)
  }

  /// The parts of a tensor along its first axis.
  static func split(
    _ tensors: GoldenTensors, _ name: String, into count: Int
  ) throws(Fault) -> [[Double]] {
    let shape = try tensors.shape(name)
    guard shape.count == 3, shape[0] == count else {
      throw Fault(.badData, "GV-SHAPE", "shape \(shape), expected \(count) modules", tensor: name)
    }
    let values = try tensors.doubles(name)
    let size = shape[1] * shape[2]
    return (0..<count).map { Array(values[$0 * size..<($0 + 1) * size]) }
  }
}
