import ArgumentParser
import Faults
import Files
import Fleet
import JSON
import Recipes

/// `xspress plan MANIFEST -o RUN`.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Writes the plan of a run, whose parts any machine can do.",
    discussion: """
      EXAMPLES
        xspress plan manifest.yaml -o run
        # and 1/4, 2/4, 3/4, anywhere, in any order, twice if need be
        xspress run run --shard 0/4
        xspress collect run
      """)

  @Argument(help: "The manifest (YAML).")
  var manifest: String

  @Option(help: "The manifest's preset of this name: other bases and defaults.")
  var preset: String?

  @Option(name: .shortAndLong, help: "The run directory.")
  var output: String

  @Flag(help: "Write into a directory that holds something else.")
  var force = false

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    let manifest = try Manifest.read(manifest, preset: preset)
    try OutputPlace.checkDirectory(output, marker: "plan.json", force: force)
    let plan = try Fleet(run: output).plan(manifest)
    let groups = Set(plan.jobs.map(\.group)).count
    let bytes = plan.jobs.reduce(0) { $0 + $1.bytes }
    if json {
      try StandardOutput.write(
        .object([
          "schema": "xspress.planned/1", "run": .string(output),
          "jobs": .integer(plan.jobs.count), "groups": .integer(groups), "bytes": .integer(bytes),
        ]))
    } else {
      try StandardOutput.write(
        "\(plan.jobs.count) jobs in \(groups) groups of one base and recipe, \(bytes) bytes of adapters"
      )
    }
  }
}
