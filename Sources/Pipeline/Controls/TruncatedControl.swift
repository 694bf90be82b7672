import Adapters
import Checkpoints
import Faults
import Models
import Projection
import Recipes
import Sessions
import Tensors
import Training

/// The LoRA itself cut by SVD: what the same bytes buy without any basis and without calibration.
///
/// Pairs of singular vectors by plain energy, in codes of as many widths as the result's own pairs can have, divided as
/// serves most, in the same file behind the same coder. One scale for all of them is chosen on dev rows; one variant
/// more has its vectors distilled like the result.
struct TruncatedControl: Control {
  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant] {
    let cuts = try [plain(context), context.isTuned ? distilled(context) : nil]
    return cuts.compactMap(\.self)
  }

  private func plain(_ context: ControlContext) throws(Fault) -> ControlVariant? {
    guard let cut = try cut(context, Filling(job: context.job, data: nil, storage: context.storage))
    else { return nil }
    let latents = cut.projected.latents
    let multiple = try context.best(ControlContext.multiples) { (multiple) throws(Fault) in
      try cut.projected.student(
        context.session, latents: latents.scaled(by: multiple),
        storage: context.storage
      ).pool
    }
    let scale = multiple == 1 ? "" : ", scales times \(multiple)"
    let scaled = TunedControl(
      projected: cut.projected, latents: latents.scaled(by: multiple))
    return try context.variant(name(cut) + scale, scaled, tuning: nil)
  }

  private func distilled(_ context: ControlContext) throws(Fault) -> ControlVariant? {
    guard let cut = try cut(context, context.filling) else { return nil }
    let name = "\(name(cut)), distilled"
    let tuned = try context.tuned(cut.projected, cut.projector, name: name)
    return try context.variant(name, tuned, tuning: context.tuning)
  }

  private func name(_ cut: Start) -> String {
    "LoRA cut by SVD, up to rank \(cut.projected.residuals.map { $0?.count ?? 0 }.max() ?? 0)"
  }

  /// As many pairs as the bytes of the result hold beside what `filling` puts into its file.
  private func cut(_ context: ControlContext, _ filling: Filling) throws(Fault) -> Start? {
    let plain = Projector(
      session: context.session, source: context.source, curvature: nil, candidates: nil,
      seed: context.job.request.seed, residuals: [])
    return try filling.pairs(within: context.bytes, plain, method: .projected)
  }
}
