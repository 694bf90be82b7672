import Files
import Foundation
import TestSupport
import Testing

/// A command of the tool on small inputs, run while calls of the C library fail.
struct FaultyCommand: Sendable, CustomTestStringConvertible {
  let name: String
  /// The arguments in the folder of ``prepare(_:)``.
  let arguments: @Sendable (_ folder: String) -> [String]
  /// The files it makes, below that folder, whose bytes are the same at every run.
  var outputs: [String] = []
  /// Whether the outputs tell of what could not be read, and so are others then.
  var saysWhatFailed = false

  var testDescription: String { name }

  /// Every command that reads or writes more than a line.
  static let all: [FaultyCommand] =
    reading + [
      convert, tune, batch, report,
      FaultyCommand(
        name: "bases",
        arguments: {
          ["bases", "--base", "\($0)/base.gguf", "--rank", "3", "-o", "\($0)/b.xsbases"]
        },
        outputs: ["b.xsbases"]),
      exported("peft", ["peft/adapter_config.json", "peft/adapter_model.safetensors"]),
      exported("merged", ["merged/config.json", "merged/model.safetensors"]),
      exported("merged-gguf", ["merged-gguf/a.gguf"]),
    ]

  private static let reading = [
    FaultyCommand(name: "inspect of a base") { ["inspect", "\($0)/base.gguf", "--digest"] },
    FaultyCommand(name: "inspect of an adapter") { _ in ["inspect", adapter] },
    FaultyCommand(name: "inspect of an artifact") { ["inspect", "\($0)/a.loraxs"] },
    FaultyCommand(name: "verify") {
      ["verify", "\($0)/a.loraxs", "--base", "\($0)/base.gguf"]
    },
    FaultyCommand(name: "verify of a run") { ["verify", "\($0)/done"] },
    FaultyCommand(name: "evaluate") {
      [
        "evaluate", "--base", "\($0)/base.gguf", "--adapter", adapter, "--artifact",
        "\($0)/a.loraxs", "--data", "\($0)/rows.jsonl", "--limit", "8",
      ]
    },
  ]

  static let convert = FaultyCommand(
    name: "convert", arguments: { convert($0, to: "out.loraxs") }, outputs: ["out.loraxs"])

  /// Two steps, with a checkpoint after each, and rows that choose between them.
  static let tune = FaultyCommand(
    name: "tune",
    arguments: {
      [
        "tune", "--base", "\($0)/base.gguf", "--adapter", adapter, "--rank", "4", "--train",
        "\($0)/rows.jsonl", "--train-limit", "40", "--validation", "0.2", "--steps", "2",
        "--batch-size", "4", "--checkpoint-every", "1", "--eval", "\($0)/rows.jsonl", "--eval-skip",
        "60", "-o", "\($0)/tuned.loraxs", "--threads", "1",
      ]
    }, outputs: ["tuned.loraxs"])

  /// Two jobs that are done together and one that tunes, in a worker process.
  static let batch = FaultyCommand(
    name: "batch",
    arguments: { ["batch", "\($0)/m.yaml", "-o", "\($0)/run", "--threads", "1", "--quiet"] },
    outputs: ["one", "two", "three"].map { "run/jobs/\($0)/\($0).loraxs" })

  static let report = FaultyCommand(
    name: "report",
    arguments: { ["report", "\($0)/done", "-o", "\($0)/report", "--force", "--threads", "1"] },
    outputs: ["index.html", "report.md", "report.csv", "report.json"].map { "report/\($0)" },
    saysWhatFailed: true)

  private static let adapter = Checkout.path("golden/tiny/adapter")

  static func convert(
    _ folder: String, to output: String, size: [String] = ["--rank", "3"]
  ) -> [String] {
    [
      "convert", "--base", "\(folder)/base.gguf", "--adapter", adapter, "-o",
      "\(folder)/\(output)", "--threads", "1",
    ] + size
  }

  private static func exported(_ target: String, _ files: [String]) -> FaultyCommand {
    FaultyCommand(
      name: "export to \(target)",
      arguments: {
        [
          "export", "\($0)/a.loraxs", "--base", "\($0)/base.gguf", "--to", target, "-o",
          "\($0)/\(target)", "--force", "--threads", "1",
        ]
      }, outputs: files)
  }

  // MARK: - What commands read

  /// Fills a folder with a base, rows, an artifact, a manifest and a run that is done.
  static func prepare(_ folder: String) throws {
    _ = try ExportBases.gguf.write(to: folder)
    try AtomicFile.write("\(folder)/rows.jsonl", text: TinyTexts.choices(80))
    try AtomicFile.write(
      "\(folder)/m.yaml",
      text: """
        schema: xspress.manifest/1
        bases: {tiny: {path: base.gguf}}
        adapters:
          - {path: \(adapter), name: one, rank: 3}
          - {path: \(adapter), name: two, rank: 3}
          - path: \(adapter)
            name: three
            rank: 4
            tune: {data: rows.jsonl, limit: 40, steps: 2, batch_size: 4, validation: 0.2, checkpoint_every: 1}

        """)
    for arguments in [
      convert(folder, to: "a.loraxs"),
      ["batch", "\(folder)/m.yaml", "-o", "\(folder)/done", "--threads", "1", "--quiet"],
    ] {
      let outcome = try Tool.run(arguments, cache: "\(folder)/cache")
      guard outcome.status == 0 else { throw Unprepared(errors: outcome.errors) }
    }
  }

  struct Unprepared: Error { let errors: String }
}
