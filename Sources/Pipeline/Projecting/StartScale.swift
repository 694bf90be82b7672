import Evaluation
package import Faults
import Foundation
import Recipes
import Sessions
import Tensors
import Training

/// How much longer first latents come nearest to the LoRA model: one number for all modules.
///
/// A fit leaves out what its form cannot hold, so that the updates of all modules are too short at once, and what is missing
/// adds up from layer to layer. One number makes up for most of that (`golden/recovery/NOTES.md`, 2026-11-30).
package struct StartScale {
  /// What was found.
  package struct Found: Hashable, Sendable {
    /// What latents are multiplied with.
    package let multiple: Double
    /// The KL to the LoRA model before.
    package let first: Double
    /// The KL to the LoRA model at ``multiple``.
    package let loss: Double
  }

  /// Rows at most: for one number few are enough.
  static let mostRows = 64

  /// Neighbouring multiples.
  private static let step = 1.25
  /// Steps at most: sixfold.
  private static let mostSteps = 8

  /// The rows, with the LoRA model's answers.
  private let data: TuningData

  /// A scale that is found on the validation rows of `data`.
  init(_ data: TuningData) { self.data = data }

  /// The best multiple of the latents of `projected`; nil where they are zero.
  func found(_ projected: ProjectedAdapter, _ session: BaseSession) throws(Fault) -> Found? {
    let latents = projected.latents
    guard latents.contains(where: { $0.elements.contains { $0 != 0 } }) else { return nil }
    return try StartScale.walk { (multiple) throws(Fault) in
      try data.validationLoss(
        of: try projected.student(session, latents: latents.scaled(by: multiple)), objective: .kd)
    }
  }

  /// From 1 upwards as long as `loss` falls; where it does not at once, downwards.
  package static func walk(_ loss: (Double) throws(Fault) -> Double) throws(Fault) -> Found {
    let first = try loss(1)
    for factor in [step, 1 / step] {
      var best = (multiple: 1.0, loss: first)
      for count in 1...mostSteps {
        let multiple = pow(factor, Double(count))
        let found = try loss(multiple)
        guard found < best.loss else { break }
        best = (multiple, found)
      }
      if best.multiple != 1 {
        return Found(multiple: best.multiple, first: first, loss: best.loss)
      }
    }
    return Found(multiple: 1, first: first, loss: first)
  }
}

extension JobContext {
  /// `projected` at the scale that comes nearest to the LoRA model, and how near that is.
  ///
  /// As it is where the job asks the LoRA model nothing otherwise.
  func scaled(
    _ projected: ProjectedAdapter, _ projector: Projector, _ rows: TuningData?
  ) throws(Fault) -> (projected: ProjectedAdapter, scale: StartScale.Found?) {
    guard let found = try startScale(rows)?.found(projected, session) else {
      return (projected, nil)
    }
    guard found.multiple != 1 else { return (projected, found) }
    return (try projector.scaled(projected, by: found.multiple), found)
  }

  /// `start` at the scale that comes nearest to the LoRA model.
  func scaled(_ start: Start, _ rows: TuningData?) throws(Fault) -> Start {
    var start = start
    (start.projected, start.scale) = try scaled(start.projected, start.projector, rows)
    return start
  }

  /// The rows on which a scale is found: those that choose the step of tuning, else some of the calibration's file.
  func scaleRows(_ rows: TuningData?) throws(Fault) -> [TokenizedExample] {
    if let rows {
      return Array(
        (rows.validation.isEmpty ? rows.training : rows.validation).prefix(StartScale.mostRows))
    }
    guard let calibration = request.calibration, request.calibrationModel == .adapter else {
      return []
    }
    let behind = try rowsBehindCalibration(StartScale.mostRows, role: "scale")
    guard behind.isEmpty else { return behind }
    let file = try file(of: calibration)
    return try tokenized(
      JobRequest.Data(
        path: file.path, limit: min(file.limit ?? .max, StartScale.mostRows), skip: file.skip),
      role: "scale")
  }

  /// Rows of the calibration's file behind those that it uses, at most `limit`; none where it uses all.
  func rowsBehindCalibration(_ limit: Int, role: String) throws(Fault) -> [TokenizedExample] {
    guard let calibration = request.calibration else { return [] }
    let file = try file(of: calibration)
    guard let used = file.limit else { return [] }
    do throws(Fault) {
      return try tokenized(
        JobRequest.Data(path: file.path, limit: limit, skip: file.skip + used), role: role)
    } catch  where error.code == "DATA-EMPTY" {
      return []
    }
  }
}

extension [Matrix<Float>] {
  /// `factor` times every one of them.
  func scaled(by factor: Double) -> [Matrix<Float>] {
    map { latent in
      Matrix(
        rows: latent.rows, columns: latent.columns,
        elements: latent.elements.map { $0 * Float(factor) })
    }
  }
}
