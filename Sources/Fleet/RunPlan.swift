public import Faults
import Files
import Foundation
import JSON
public import Recipes

/// `RUN/plan.json`: the jobs of a run, in the manifest's order, with what belongs together and what it costs.
///
/// Every process that does a part of the run reads the same plan, and refuses to work where the manifest has changed
/// since (`formats/run.md` §2).
public struct RunPlan: Sendable {
  /// One job.
  public struct Job: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Digest of its options.
    public var options: String
    /// Jobs of one number have the same base and options.
    public var group: Int
    /// Bytes of its adapter; 0 where it has none.
    public var bytes: Int
  }

  /// The manifest's absolute path.
  public let manifestPath: String
  /// The preset that the manifest is read with.
  public let preset: String?
  /// SHA-256 of the manifest, hex.
  public let manifestDigest: String
  /// The jobs.
  public let jobs: [Job]

  /// The plan of a manifest.
  public init(_ manifest: Manifest) throws(Fault) {
    manifestPath = Paths.join(FileManager.default.currentDirectoryPath, manifest.path)
    preset = manifest.preset
    manifestDigest = try RunPlan.digest(of: manifest)
    var groups: [String: Int] = [:]
    jobs = manifest.jobs.map { plan in
      let options = plan.digest(inputs: [])
      let key = plan.basePath + "\n" + options
      let group = groups[key] ?? groups.count
      groups[key] = group
      return Job(
        name: plan.name, options: options, group: group,
        bytes: RunPlan.adapterByteCount(plan))
    }
  }

  /// The plan with `jobs` as another process has listed them.
  private init(_ manifest: Manifest, digest: String, jobs: [Job]) {
    manifestPath = Paths.join(FileManager.default.currentDirectoryPath, manifest.path)
    preset = manifest.preset
    manifestDigest = digest
    self.jobs = jobs
  }

  /// SHA-256 of a manifest's file, hex.
  public static func digest(of manifest: Manifest) throws(Fault) -> String {
    try SHA256Digest.of(try InputFile(manifest.path)).hex
  }

  /// That a manifest is not the one that was planned: 65 `RUN-CHANGED`.
  public static func changed(_ manifest: String) -> Fault {
    Fault(
      .badData, "RUN-CHANGED",
      "the manifest, or what its patterns match, has changed since the run was planned; plan it again",
      path: manifest)
  }

  /// The jobs of a part of the run: neighbours in it have one base, which is read once for all of them.
  public func names(of shard: Shard) -> [String] {
    let order = jobs.indices.sorted { (jobs[$0].group, $0) < (jobs[$1].group, $1) }
    return shard.places(of: order.map { jobs[$0].bytes }).map { jobs[order[$0]].name }
  }

  /// Bytes of a job's adapter; 0 where it has none.
  static func adapterByteCount(_ plan: JobPlan) -> Int { plan.adapterPath.map(byteCount) ?? 0 }

  /// Bytes of a file, or of the files of a folder; 0 where nothing can be seen: the job itself will say so.
  static func byteCount(_ path: String) -> Int {
    switch Paths.kind(of: path) {
    case .file: (try? InputFile(path).byteCount) ?? 0
    case .directory:
      ((try? Paths.entries(of: path)) ?? []).reduce(0) { sum, name in
        let file = Paths.join(path, name)
        return sum + (Paths.kind(of: file) == .file ? (try? InputFile(file).byteCount) ?? 0 : 0)
      }
    case .other, .missing: 0
    }
  }

  // MARK: - On disk

  /// Writes the plan into `run`, or checks that the one there has no job of these names with other options.
  ///
  /// - Throws: 73 `RUN-PLAN`.
  public func write(to run: RunDirectory) throws(Fault) {
    if Paths.kind(of: run.planPath) == .file {
      guard try RunPlan.fields(run)["schema"].value?.stringValue == JobPlan.schema else {
        throw Fault(
          .cannotCreate, "RUN-PLAN",
          "made by another version of this program; use another run directory", path: run.planPath)
      }
      let known = RunPlan.options(try RunPlan.listed(run))
      for job in jobs {
        guard let options = known[job.name], options != job.options else { continue }
        throw Fault(
          .cannotCreate, "RUN-PLAN",
          "job \"\(job.name)\" ran here with other options; use another run directory",
          path: run.planPath)
      }
    }
    let value: JSONValue = .object([
      "schema": .string(JobPlan.schema), "manifest": .string(manifestPath),
      "preset": preset.map { .string($0) } ?? .null,
      "manifest_sha256": .string(manifestDigest),
      "jobs": .array(
        jobs.map {
          .object([
            "name": .string($0.name), "options": .string($0.options), "group": .integer($0.group),
            "bytes": .integer($0.bytes),
          ])
        }),
    ])
    try AtomicFile.write(run.planPath, text: value.text(pretty: true))
  }

  /// The plan of `run`, and the manifest that it was made of.
  ///
  /// What jobs cost, and so which part each of them is in, is what the plan says, whatever has become of the adapters since.
  ///
  /// - Throws: 66 where there is none; 65 `RUN-CHANGED` where the manifest, or what its patterns match, is not what was
  ///   planned.
  public static func read(_ run: RunDirectory) throws(Fault) -> (plan: RunPlan, manifest: Manifest)
  {
    let fields = try fields(run)
    let planned: (path: String, digest: String, preset: String?)
    do throws(Fault) {
      let preset = fields["preset"]
      planned = (
        try fields["manifest"].string(), try fields["manifest_sha256"].string(),
        preset.value == nil || preset.value == .null ? nil : try preset.string()
      )
    } catch {
      throw error.at(path: run.planPath)
    }
    let manifest = try Manifest.read(planned.path, preset: planned.preset)
    let listed = try listed(run)
    let options = options(listed)
    let isSame =
      manifest.jobs.count == listed.count
      && manifest.jobs.allSatisfy { options[$0.name] == $0.digest(inputs: []) }
    guard try digest(of: manifest) == planned.digest, isSame else { throw changed(planned.path) }
    return (RunPlan(manifest, digest: planned.digest, jobs: listed), manifest)
  }

  private static func fields(_ run: RunDirectory) throws(Fault) -> JSONField {
    let bytes = try InputFile(run.planPath).readAll(limit: 64 << 20)
    do throws(Fault) {
      return JSONField(try JSONValue.parse(bytes), code: "RUN-PLAN")
    } catch {
      throw error.at(path: run.planPath)
    }
  }

  /// Jobs as they are listed.
  private static func listed(_ run: RunDirectory) throws(Fault) -> [Job] {
    do throws(Fault) {
      return try fields(run)["jobs"].array().map { (job) throws(Fault) in
        Job(
          name: try job["name"].string(), options: try job["options"].string(),
          group: try job["group"].int(in: 0...Int.max), bytes: try job["bytes"].int(in: 0...1 << 50)
        )
      }
    } catch {
      throw error.at(path: run.planPath)
    }
  }

  /// Digests of options by name.
  private static func options(_ jobs: [Job]) -> [String: String] {
    Dictionary(jobs.map { ($0.name, $0.options) }) { _, last in last }
  }
}
