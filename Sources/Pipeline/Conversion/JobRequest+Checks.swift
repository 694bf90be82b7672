import Evaluation
import Faults
import Files
import Recipes
import Training

extension JobRequest {
  /// Every file the job reads.
  public var inputPaths: [String] {
    [adapterPath, basePath].compactMap(\.self) + recipe.inputs.map(\.path)
  }

  /// The file that faults of the job are about: the adapter, or where there is none the base.
  package var subjectPath: String { adapterPath ?? basePath }

  /// Finds what would fail later before any work is done: data that cannot be read, an output that is an input
  /// or has no place, settings that exclude each other.
  ///
  /// - Throws: 64 `OUT-IN` or `JOB-OPTIONS`, 73 `OUT-CREATE`; what reading data throws.
  func check() throws(Fault) {
    try OutputPlace.check(outputPath, against: inputPaths)
    try OutputPlace.checkFolder(of: outputPath)
    guard (adapterPath == nil) == (recipe.scratch != nil) else {
      throw Fault(
        .usage, "JOB-OPTIONS", "a job has either an adapter or modules to train from nothing")
    }
    try recipe.check()
    if recipe.usesOwnTexts, let path = recipe.ownTexts.openingsPath { _ = try Opening.read(path) }
    var data = [recipe.calibration?.file, recipe.tuning?.data.file, recipe.evaluation]
    if case .file(let file) = recipe.tuning?.validation { data.append(file) }
    for file in data.compactMap(\.self) {
      _ = try DataSet(path: file.path, limit: file.limit, skip: file.skip)
    }
  }
}
