import ArgumentParser
import Bases
import Checkpoints
import Faults
import Files
import JSON
import Progress
import Sessions

/// `xspress bases --base PATH --rank N [-o FILE]`.
struct BasesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bases",
    abstract: "Computes the singular bases of every linear module, once per base model.",
    discussion: """
      EXAMPLES
        xspress bases --base model.gguf --rank 16
        xspress bases --base model.gguf --rank 64 -o model.xsbases
      """)

  @Option(help: "Base model.")
  var base: String

  @Option(help: "Directions a side that a pack keeps; needed with -o.")
  var rank: Int?

  @Option(name: .shortAndLong, help: "Write one pack that a fleet can share.")
  var output: String?

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func validate() throws {
    try CountBounds.check("rank", rank, CountBounds.rank)
    if output != nil && rank == nil { throw ValidationError("--rank is needed with -o") }
  }

  func run() throws {
    if let output { try OutputPlace.check(output, against: [base]) }
    let session = try shared.session(base: base)
    let modules = session.base.linearModules
    try session.prepareBases(modules, leading: { _ in rank })
    var written: AtomicFile.Written?
    if let output, let rank {
      try AtomicFile.removeLeftovers(of: output)
      let task = session.log.task("pack", total: modules.count, unit: "modules")
      written = try BasisPack.write(
        to: output, store: session.bases, modules: modules, rank: rank
      ) { done, _ in task.update(completed: done) }
      task.finish()
    }
    let counts = session.bases.counts
    if json {
      return try StandardOutput.write(
        .object([
          "schema": "xspress.bases/1", "base": .string(base), "modules": .integer(modules.count),
          "computed": .integer(counts.computed), "rank": rank.map { .integer($0) } ?? .null,
          "pack": output.map { .string($0) } ?? .null,
          "bytes": written.map { .integer($0.byteCount) } ?? .null,
          "sha256": written.map { .string($0.digest.hex) } ?? .null,
        ]).adding(warnings: session.log.warnings))
    }
    var line = "\(modules.count) modules, \(counts.computed) computed now"
    if let output, let written { line += "; \(output): \(written.byteCount) bytes" }
    try StandardOutput.write(line)
  }
}
