import Bases
import Evaluation
import Faults
import Files
import Projection
import Training

extension JobRequest {
  /// Every file the job reads.
  public var inputPaths: [String] {
    var paths = [adapterPath, basePath]
    paths += [
      startArtifactPath, calibration?.file?.path, tuning?.data.file?.path, evaluation?.path,
      usesOwnTexts ? ownTexts.openingsPath : nil,
    ].compactMap(\.self)
    if case .file(let data) = tuning?.validation { paths.append(data.path) }
    return paths
  }

  /// Whether the model writes its own calibration or training texts.
  var usesOwnTexts: Bool {
    [calibration, tuning?.data].compactMap(\.self).contains { $0.file == nil }
  }

  /// Finds what would fail later before any work is done: data that cannot be read, an output that is an input
  /// or has no place, settings that exclude each other.
  ///
  /// - Throws: 64 `OUT-IN` or `JOB-OPTIONS`, 73 `OUT-CREATE`; what reading data throws.
  func check() throws(Fault) {
    try OutputPlace.check(outputPath, against: inputPaths)
    try OutputPlace.checkFolder(of: outputPath)
    guard (directions == .own) == (target == .own), directions != .own || controls.isEmpty else {
      throw Fault(
        .usage, "JOB-OPTIONS",
        "own directions have the ranks of the adapter, no other and no controls")
    }
    if directions == .top, case .rank(let rank) = target, !rank.isSquare {
      throw Fault(
        .usage, "JOB-OPTIONS", "rank \(rank) needs chosen directions; top ones have one rank")
    }
    if calibration == nil, startArtifactPath == nil, method == .kfac || method == .calibrated {
      throw Fault(.usage, "JOB-OPTIONS", "\(method.rawValue) needs calibration examples")
    }
    if directions == .own, residual != nil {
      throw Fault(
        .usage, "JOB-OPTIONS", "own directions leave nothing for a residual: choose one of them")
    }
    if let form {
      guard case .budget = target else {
        throw Fault(.usage, "JOB-OPTIONS", "form \(form.rawValue) needs a budget to fill")
      }
      if residual != nil || directions != .selected {
        throw Fault(
          .usage, "JOB-OPTIONS",
          "form \(form.rawValue) stands beside a residual or other directions: choose one of them")
      }
      if target.minRetained != nil, form != .directions {
        throw Fault(
          .usage, "JOB-OPTIONS",
          "a minimum of retained gain raises ranks: form directions only, not \(form.rawValue)")
      }
    }
    if let candidates, candidates < 1 {
      throw Fault(.usage, "JOB-OPTIONS", "at least one candidate direction is needed")
    }
    if usesOwnTexts, let path = ownTexts.openingsPath { _ = try Opening.read(path) }
    var data = [calibration?.file, tuning?.data.file, evaluation]
    if case .file(let file) = tuning?.validation { data.append(file) }
    for file in data.compactMap(\.self) {
      _ = try DataSet(path: file.path, limit: file.limit, skip: file.skip)
    }
  }
}
