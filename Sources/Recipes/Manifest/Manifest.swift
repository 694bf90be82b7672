public import Faults
import Files
import Yams

/// A batch: which adapters, on which bases, and what to do with each (`formats/manifest.md`).
public struct Manifest: Hashable, Sendable {
  /// The schema word every manifest starts with.
  public static let schema = "xspress.manifest/1"
  private static let maximumBytes = 1 << 20

  /// Where it was read from.
  public var path: String
  /// The preset it was read with.
  public var preset: String?
  /// The jobs, in the order of the file; a glob's matches in byte order.
  public var jobs: [JobPlan]

  /// Reads a manifest; relative paths in it start from its own folder.
  ///
  /// - Parameter preset: The one of `presets` whose bases and defaults stand before the manifest's own.
  /// - Throws: 66 when it cannot be read; 64 `MF-PRESET`; 65 `MF-YAML`, `MF-KEY`, `MF-TYPE`, `MF-VALUE`, `MF-BASE`,
  ///   `NAME`, `NAME-DUP`, 66 `MF-GLOB`, each naming the field.
  public static func read(_ path: String, preset: String? = nil) throws(Fault) -> Manifest {
    let bytes = try InputFile(path).readAll(limit: maximumBytes)
    do {
      return try parse(bytes, path: path, preset: preset)
    } catch {
      throw error.at(path: path)
    }
  }

  /// The jobs called `names`, in the order of the manifest; all of them when `names` is empty.
  ///
  /// - Throws: 64 `NAME` for a name that is not there.
  public func jobs(only names: [String]) throws(Fault) -> [JobPlan] {
    for name in names where !jobs.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
      throw Fault(
        .usage, "NAME",
        "no job \"\(name)\"; there are \(jobs.map(\.name).prefix(8).joined(separator: ", "))",
        path: path)
    }
    guard !names.isEmpty else { return jobs }
    return jobs.filter { job in names.contains { $0.utf8.elementsEqual(job.name.utf8) } }
  }

  private static func parse(
    _ bytes: [UInt8], path: String, preset: String?
  ) throws(Fault) -> Manifest {
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
      throw Fault(.badData, "MF-YAML", "not UTF-8 text")
    }
    try YAMLSubset.check(text)
    let reader = ManifestReader(directory: Paths.parent(of: path), preset: preset)
    let jobs = try reader.jobs(of: try compose(text))
    try JobNames.checkDistinct(jobs)
    return Manifest(path: path, preset: preset, jobs: jobs)
  }

  private static func compose(_ text: String) throws(Fault) -> Node {
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch {
      let lines = "\(error)".split(whereSeparator: \.isNewline).filter { !$0.hasSuffix("^") }
      throw Fault(.badData, "MF-YAML", lines.joined(separator: " "))
    }
    guard let root else { throw Fault(.badData, "MF-YAML", "the file is empty") }
    return root
  }
}
