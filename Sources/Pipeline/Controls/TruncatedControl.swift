import Adapters
import Checkpoints
import Faults
import Models
import Projection
import Recipes
import Tensors
import Training

/// The LoRA itself cut by SVD: what the same bytes buy without any basis and without calibration.
///
/// Pairs of singular vectors by plain energy, in codes of as many widths as the result's own pairs can have, divided as
/// serves most, in the same file behind the same coder. One scale for all of them is chosen on dev rows; one variant
/// more has its vectors distilled like the result.
struct TruncatedControl: Control {
  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant] {
    let plain = Projector(
      session: context.session, source: context.source, curvature: nil, candidates: nil,
      seed: context.job.request.seed, residuals: [])
    guard
      let cut = try Filling(job: context.job, data: nil, storage: context.storage).pairs(
        within: context.bytes, plain, method: .projected, hasStandIns: false)
    else { return [] }
    let rank = cut.projected.residuals.map { $0?.count ?? 0 }.max() ?? 0
    let name = "LoRA cut by SVD, up to rank \(rank)"
    let latents = cut.projected.latents
    let multiple = try context.best(ControlContext.multiples) { (multiple) throws(Fault) in
      try cut.projected.student(
        context.session, latents: latents.scaled(by: multiple),
        storage: context.storage
      ).pool
    }
    let scale = multiple == 1 ? "" : ", scales times \(multiple)"
    var variants = [
      try context.variant(
        name + scale, cut.projected, latents.scaled(by: multiple))
    ]
    if context.isTuned {
      let (projected, latents) = try context.tuned(
        cut.projected, cut.projector, name: "\(name), distilled")
      variants.append(try context.variant("\(name), distilled", projected, latents))
    }
    return variants
  }
}
