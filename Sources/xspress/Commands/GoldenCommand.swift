import ArgumentParser
import Faults
import Files
import Fleet
import JSON
import Reports
import Verification

/// `xspress golden`: golden cases of one's own.
struct GoldenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "golden", abstract: "Makes golden cases of a run's results.",
    discussion: """
      EXAMPLES
        xspress golden record run -o golden
      """,
    subcommands: [RecordCommand.self])

  /// `xspress golden record RUN -o DIR`.
  struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "record",
      abstract: "Keeps what a run made, so that `verify` can hold a later version against it.",
      discussion: """
        A conversion without tuning is converted again by `verify`, and what was measured is measured again. Cases that \
        are there already are compared: what differs is shown, and replaced only with --accept. Base, adapters and data \
        must lie below the folder that holds DIR.

        EXAMPLES
          xspress golden record run -o golden
          xspress verify golden --slow
          xspress golden record run -o golden --accept
        """)

    @Argument(help: ArgumentHelp("A run directory.", valueName: "run"))
    var runDirectory: String

    @Option(name: .shortAndLong, help: "The golden directory, made where it is missing.")
    var output: String

    @Flag(help: "Replace cases that differ.")
    var accept = false

    @Flag(help: "Print one JSON document.")
    var json = false

    @OptionGroup(title: "Everywhere") var shared: SharedOptions

    func run() throws {
      let recorder = GoldenRecorder(directory: output, accepts: accept)
      var outcomes: [GoldenRecorder.Outcome] = []
      for job in try Fleet(run: runDirectory).finished() {
        outcomes += try recorder.record(
          GoldenRecorder.Job(
            plan: job.plan, record: job.record, artifactPath: job.artifactPath))
      }
      guard !outcomes.isEmpty else {
        throw Fault(
          .badData, "GV-NOTHING", "no finished job to record", path: runDirectory)
      }
      if json {
        try StandardOutput.write(document(outcomes))
      } else {
        try StandardOutput.write(text(outcomes))
      }
      let changed = outcomes.count { $0.state == .changed }
      guard changed == 0 || accept else {
        throw Fault(
          .badData, "GV-CHANGED",
          "\(changed) of \(outcomes.count) cases differ from what is kept; --accept replaces them",
          path: output)
      }
    }

    private func text(_ outcomes: [GoldenRecorder.Outcome]) -> String {
      var text = TextTable.text(
        ["case", "state"],
        outcomes.map { outcome in
          [outcome.name, outcome.state == .changed && accept ? "replaced" : outcome.state.rawValue]
        })
      for outcome in outcomes where !outcome.differences.isEmpty {
        text +=
          "\n\n" + outcome.name + "\n"
          + outcome.differences.map { "  " + $0 }.joined(separator: "\n")
      }
      return text
    }

    private func document(_ outcomes: [GoldenRecorder.Outcome]) -> JSONValue {
      .object([
        "schema": "xspress.golden-record/1", "directory": .string(output),
        "accepted": .bool(accept),
        "cases": .array(
          outcomes.map {
            .object([
              "name": .string($0.name), "state": .string($0.state.rawValue),
              "differences": .array($0.differences.map { .string($0) }),
            ])
          }),
      ])
    }
  }
}
