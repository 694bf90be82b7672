import ArgumentParser
import CAllocation
import Faults
import Fleet
import Progress
import Recipes

/// `xspress work`: a worker process of `batch` and `run`, which alone start it (`formats/manifest.md` §9).
struct WorkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "work", abstract: "A worker process of a batch.", shouldDisplay: false)

  @Argument var manifest: String
  @Option var preset: String?
  @Option(name: .shortAndLong) var output: String
  @Option var part: String?
  @Option var worker = 0
  @Option var planned: String?
  @Option var scratch: String?
  @Option var since: String?
  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    // Its supervisor, which has the line to say, must see it end.
    Interruption.limitGrace(to: 4, isSilent: true)
    allocation_end_silently()
    do throws(Fault) {
      // What it has to say is shown by the supervisor, often enough for live lines.
      let log = ProgressLog(
        style: shared.quiet ? .none : .json, isQuiet: shared.quiet, lineInterval: 0.2,
        sink: WorkerProcess.tell(log:))
      let jobs = try Manifest.read(manifest, preset: preset)
      // Read first and looked at then: what changes in between is not what was planned either.
      if let planned, try RunPlan.digest(of: jobs) != planned { throw RunPlan.changed(manifest) }
      try FleetRunner(
        manifest: jobs, run: RunDirectory(output),
        resources: FleetResources(
          cacheDirectory: shared.cacheDirectory, cacheLimit: try shared.cacheByteLimit(),
          scratch: scratch, since: since, threads: 1, memory: nil),
        part: part.flatMap { Shard($0) } ?? .whole, worker: worker, log: log
      ).work()
    } catch {
      WorkerProcess.tell(error)
    }
  }
}
