import Adapters
import Artifacts
import Projection
import Training

extension Recipe {
  /// What a start from nothing has no use for, since it is about an adapter, or lacks; of a job with an adapter, a first
  /// latent that only a start from nothing has.
  var scratchConflict: Conflict? {
    guard scratch != nil else {
      guard method == .normal else { return nil }
      return ("tune.init", { _ in "normal starts from nothing, and there is an adapter" })
    }
    if let (key, word) = wordOfAdapters { return (key, { _ in "\(word) needs an adapter" }) }
    guard tuning != nil else {
      return (
        "scratch.modules", { "needs \($0("tune.data")): nothing but examples makes its latents" }
      )
    }
    if directions == .selected, calibration == nil {
      return ("directions", { "selected needs \($0("calibrate.data"))" })
    }
    return nil
  }

  /// The first value that is about an adapter.
  private var wordOfAdapters: (key: String, word: String)? {
    let isStart = method == .zero || method == .normal
    let cuts: [Control] = [.truncated, .ternary, .forms]
    let objective = tuning?.options.objective
    let words: [(key: String, word: String?)] = [
      ("format", adapterFormat?.rawValue),
      ("dora", magnitudes == .keep ? magnitudes.rawValue : nil),
      ("min_retained", target.minRetained.map { "\($0)" }),
      ("form", form == .directions ? nil : form?.rawValue),
      ("artifact", startArtifactPath),
      ("directions", directions == .own ? directions.rawValue : nil),
      ("residual", residual?.size.description),
      ("tune.init", isStart ? nil : method.rawValue),
      ("tune.data", tuning.flatMap { $0.data.path == nil ? "self" : nil }),
      ("calibrate.data", calibration.flatMap { $0.path == nil ? "self" : nil }),
      (
        "calibrate.model",
        calibration != nil && calibrationModel == .adapter ? calibrationModel.rawValue : nil
      ),
      ("carry_store", carriedStorage?.rawValue),
      ("tune.objective", objective == .ce ? nil : objective?.rawValue),
      ("controls", controls.first { cuts.contains($0) }?.rawValue),
    ]
    for case (let key, let word?) in words { return (key, word) }
    return nil
  }
}
