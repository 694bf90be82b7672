import ArgumentParser
import Faults
import Fleet
import Foundation
import JSON
import Recipes
import Reports

/// `xspress run RUN --shard i/N`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Does a part of a planned run; done jobs are recognised and left.",
    discussion: """
      Without --shard the part is that of the array element in whose environment it runs \
      (SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, PBS_ARRAY_INDEX, SGE_TASK_ID), else everything.

      EXAMPLES
        xspress run run --shard 0/4
        xspress run run --shards 16    # the index from the environment
      """)

  @Argument(help: "The run directory.")
  var runDirectory: String

  @Option(help: "Which part of how many, from 0: 3/8.")
  var shard: String?

  @Option(help: "How many parts there are, where the environment says which one this is.")
  var shards: Int?

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Workers") var fleet: FleetOptions
  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func validate() throws {
    if let shard, Shard(shard) == nil {
      throw ValidationError("--shard must be i/N with i from 0 and below N")
    }
    if shard != nil, shards != nil { throw ValidationError("--shard says how many there are") }
    if let shards, !(1...1_000_000).contains(shards) {
      throw ValidationError("--shards must be in 1...1000000")
    }
  }

  func run() throws {
    let part = try part()
    let target = Fleet(run: runDirectory)
    let (plan, manifest) = try RunPlan.read(target.run)
    let names = Set(plan.names(of: part))
    let worked = try fleet.work(
      target, plan, part: part, manifest: manifest, names: names, shared: shared)
    try FleetOptions.checkInterruption(target, manifest, names: names, worked, json: json)
    let results = try target.results(
      manifest, known: worked, threads: try shared.threadCount()
    ).filter { names.contains($0.name) }
    if json {
      try StandardOutput.write(BatchResults.json(results))
    } else {
      let rows = results.map { [$0.name, $0.state.rawValue, $0.fault?.code ?? ""] }
      try StandardOutput.write(TextTable.text(["job", "state", ""], rows))
    }
    if let fault = BatchResults.fault(results) { throw fault }
  }

  private func part() throws(Fault) -> Shard {
    if let shard { return Shard(shard) ?? .whole }
    let engine = try Shard.ofEngine(ProcessInfo.processInfo.environment, count: shards)
    if engine == nil, shards != nil {
      throw Fault(.usage, "SHARD", "--shards is given, and nothing in the environment says which")
    }
    return engine ?? .whole
  }
}
