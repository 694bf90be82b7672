public import Faults
import Files
import Recipes

/// Where an export goes: the folder that is filled, or the one file that is written.
public struct ExportPlace: Sendable {
  /// The folder that results lie in.
  public let directory: String
  /// The file of a target that writes one.
  public let file: String?
  /// Whether the output names the file itself.
  public let isFile: Bool

  /// The place that `output` means: for a target of one file the file itself where it ends like one, else a
  /// folder that gets a file named as the artifact.
  public init(output: String, target: ExportTarget, artifact: String) {
    guard let ending = target.fileExtension else {
      (directory, file, isFile) = (output, nil, false)
      return
    }
    if output.hasSuffix(".\(ending)"), Paths.kind(of: output) != .directory {
      (directory, file, isFile) = (Paths.parent(of: output), output, true)
      return
    }
    var stem = Paths.name(of: artifact)
    if stem.hasSuffix(".loraxs") { stem.removeLast(".loraxs".count) }
    directory = output
    file = Paths.join(output, "\(stem.isEmpty ? "adapter" : stem).\(ending)")
    isFile = false
  }

  /// Refuses an output that is an input or holds one, and a folder that is not empty unless `force`.
  ///
  /// - Throws: 64 `OUT-IN`, 73 `OUT-CREATE`, `OUT-EXISTS`.
  public func check(against inputs: [String], force: Bool) throws(Fault) {
    if isFile, let file {
      try OutputPlace.check(file, against: inputs)
      try OutputPlace.checkFolder(of: file)
    } else {
      try OutputPlace.checkFolder(directory, against: inputs)
      try OutputPlace.checkDirectory(directory, force: force)
    }
  }
}
