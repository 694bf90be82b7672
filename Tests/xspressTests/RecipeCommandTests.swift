import Files
import Foundation
import JSON
import RecipeSamples
import Recipes
import TestSupport
import Testing

/// The built tool takes every option in either way, and the same ones give the same bytes.
@Suite struct RecipeCommandTests {
  private let head = "schema: xspress.manifest/1\nbases: {b: {path: b.gguf}}\nadapters:\n"

  /// Every field's value, through the parser of the command line and through one manifest.
  @Test func everyOptionMakesTheSameRecipe() throws {
    try withTemporaryDirectory { folder in
      let samples = FieldSample.all
      let entries = samples.indices.map { samples[$0].sample.entry(name: "j\($0)") }
      try AtomicFile.write("\(folder)/m.yaml", text: head + entries.joined())
      let listed = try Tool.run(
        ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--dry-run", "--json"])
      #expect(listed.status == 0, "\(listed.errors)")
      let jobs = try JSONValue.parse(listed.output)["jobs"]?.arrayValue ?? []
      try #require(jobs.count == samples.count)
      for (job, (command, sample)) in zip(jobs, samples) {
        let outcome = try Tool.run(
          [command.rawValue, "--base", "b", "-o", "x", "--dry-run", "--json"]
            + sample.arguments())
        #expect(outcome.status == 0, "\(sample): \(outcome.errors)")
        let recipe = try JSONValue.parse(outcome.output)
        // Manifests resolve paths from their folder.
        let read = job["recipe"]?.text().replacing("\(folder)/", with: "")
        #expect(recipe.text() == read, "\(sample)")
      }
    }
  }

  /// Commands, options of them, and the same as keys of a manifest.
  private static let settings: [(command: String, arguments: [String], keys: String)] = [
    ("convert", ["--rank", "3"], "rank: 3"),
    ("convert", ["--budget", "2500", "--store", "int4"], "budget: 2500, store: int4"),
    (
      "convert", ["--budget", "2500", "--allocation", "energy"],
      "budget: 2500, allocation: energy"
    ),
    ("convert", ["--rank", "4x2", "--embed-bases"], "rank: 4x2, embed_bases: true"),
    ("convert", ["--directions", "own", "--store", "f16"], "directions: own, store: f16"),
    (
      "convert", ["--rank", "3", "--residual", "2", "--seed", "7"], "rank: 3, residual: 2, seed: 7"
    ),
    (
      "tune", ["--rank", "3", "--train", "self", "--steps", "2", "--seed", "5"],
      "rank: 3, seed: 5, tune: {data: self, steps: 2}"
    ),
    (
      "tune",
      ["--rank", "3", "--train", "self", "--init", "zero", "--steps", "2", "--patience", "1"],
      "rank: 3, tune: {data: self, init: zero, steps: 2, patience: 1}"
    ),
    (
      "tune",
      [
        "--budget", "2300", "--train", "self", "--steps", "2", "--quantized-steps", "1",
        "--calibrate-limit", "9",
      ],
      "budget: 2300, calibrate: {limit: 9}, tune: {data: self, steps: 2, quantized_steps: 1}"
    ),
  ]

  @Test func theSameSettingsGiveTheSameBytes() throws {
    let texts = ["--self-texts", "24", "--self-length", "2"]
    try withTemporaryDirectory { folder in
      let base = Paths.join(folder, "base.gguf")
      _ = try ExportBases.gguf.write(to: folder)
      let adapter = Checkout.path("golden/tiny/adapter")
      let jobs = Self.settings.enumerated().map { index, setting in
        let own = setting.command == "tune" ? ", self: {texts: 24, length: 2}" : ""
        return "  - {path: \(adapter), name: j\(index), \(setting.keys)\(own)}\n"
      }
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: "schema: xspress.manifest/1\nbases: {b: {path: \(base)}}\nadapters:\n"
          + jobs.joined())
      let batch = try Tool.run(
        ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run"], cache: "\(folder)/cache")
      #expect(batch.status == 0, "\(batch.errors)")
      for (index, setting) in Self.settings.enumerated() {
        let path = "\(folder)/j\(index).loraxs"
        let own = setting.command == "tune" ? texts : []
        let outcome = try Tool.run(
          [setting.command, "--base", base, "--adapter", adapter, "-o", path]
            + setting.arguments + own, cache: "\(folder)/cache")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let bytes = try InputFile(path).readAll(limit: 1 << 20)
        let batched = try InputFile("\(folder)/run/jobs/j\(index)/j\(index).loraxs")
          .readAll(limit: 1 << 20)
        // Not the bytes themselves in a failure's message.
        let isSame = bytes == batched
        #expect(isSame, "\(setting.keys)")
      }
    }
  }

  /// A directory that an earlier program planned is not gone on with: its options meant something else.
  @Test func planOfAnotherVersionIsRefused() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/run")
      try AtomicFile.write(
        "\(folder)/run/plan.json",
        text: "{\"schema\": \"xspress.plan/1\", \"manifest\": \"m.yaml\", \"jobs\": []}")
      try AtomicFile.write("\(folder)/m.yaml", text: head + "  - {path: a, rank: 3}\n")
      let outcome = try Tool.run(["batch", "\(folder)/m.yaml", "-o", "\(folder)/run"])
      #expect(outcome.status == 73 && outcome.errors.contains("RUN-PLAN"), "\(outcome.errors)")
      #expect(outcome.errors.contains("another version"))
    }
  }

  /// The commands that a page of help lists, and what these list.
  private func commands(below command: [String] = []) throws -> [[String]] {
    let help = try Tool.run(command + ["--help"]).output
    guard let list = help.firstRange(of: "SUBCOMMANDS:\n") else { return [command] }
    let lines = help[list.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
    let names = lines.prefix { !$0.isEmpty }.compactMap { line in
      line.hasPrefix("   ") ? nil : line.split(separator: " ").first
    }
    return try [command] + names.flatMap { try commands(below: command + [String($0)]) }
  }

  /// Every command in the examples of every help page is one: as it stands on the page, it is parsed and fails no
  /// earlier than at its missing files.
  @Test func examplesCanBeCopied() throws {
    let commands = try commands()
    #expect(commands.count >= 12)
    for command in commands { try checkExamples(command) }
  }

  private func checkExamples(_ command: [String]) throws {
    let help = try Tool.run(command + ["--help"]).output
    // A backslash goes on, as in a shell.
    let lines = help.replacing("\\\n", with: " ").split(separator: "\n")
    let examples = lines.filter { $0.hasPrefix("  xspress ") }
    #expect(command.first == "cache" || !examples.isEmpty, "\(command)")
    // Beyond 80 columns lines are wrapped inside commands where no terminal is.
    #expect(
      help.split(separator: "\n").allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE") },
      "\(command)")
    try withTemporaryDirectory { folder in
      // What a file is decides what options mean.
      try AtomicFile.write("\(folder)/my-lora.loraxs", text: "")
      for run in ["run", "runs/demo"] {
        try Paths.makeDirectory("\(folder)/\(run)/jobs")
        try AtomicFile.write("\(folder)/\(run)/plan.json", text: "{}")
      }
      for example in examples {
        // One command of the line: what follows is another program's.
        let words = words(of: example).dropFirst().prefix {
          !["&&", "|", ">", "#"].contains($0)
        }
        let shell = "cd \(folder)"
        let outcome = try Tool.run(Array(words), cache: folder, limits: shell)
        #expect(!outcome.errors.contains("USAGE"), "\(example): \(outcome.errors)")
      }
    }
  }

  /// The words that a shell makes of a line, as far as quotes go.
  private func words(of line: Substring) -> [String] {
    var (words, word, quote): ([String], String?, Character?) = ([], nil, nil)
    for character in line + " " {
      switch (character, quote) {
      case (let end, let start?) where end == start: quote = nil
      case ("'", nil), ("\"", nil): (quote, word) = (character, word ?? "")
      case (" ", nil):
        if let word { words.append(word) }
        word = nil
      default: word = (word ?? "") + String(character)
      }
    }
    return words
  }

  /// What is broken into lines by hand is not broken once more, inside a command or a table.
  @Test func handmadeLinesOfHelpFit() throws {
    let help = try JSONValue.parse(try Tool.run(["--experimental-dump-help"]).output)
    var discussions: [String] = []
    func collect(_ command: JSONValue) {
      if let text = command["discussion"]?.stringValue { discussions.append(text) }
      for below in command["subcommands"]?.arrayValue ?? [] { collect(below) }
    }
    collect(try #require(help["command"]))
    #expect(discussions.count > 12)
    for line in discussions.flatMap({ $0.split(separator: "\n") }) where line.hasPrefix("  ") {
      #expect(line.count <= 80, "\(line)")
    }
  }

  /// Whoever reads help finds options under headings.
  @Test(arguments: Field.Command.allCases)
  func helpHasEveryOptionUnderItsHeading(command: Field.Command) throws {
    let help = try Tool.run([command.rawValue, "--help"]).output
    var heading = ""
    var found: [String: String] = [:]
    for line in help.split(separator: "\n") {
      if line.hasSuffix(":"), !line.hasPrefix(" ") { heading = String(line.dropLast()) }
      guard let start = line.firstRange(of: "  --") else { continue }
      let flag = line[start.upperBound...].prefix { $0 != " " }
      if line.prefix(upTo: start.lowerBound).isEmpty { found[String(flag)] = heading }
    }
    for field in Field.all {
      let expected = field.commands.contains(command) ? field.group.title.uppercased() : nil
      #expect(found[field.flag] == expected, "\(field.flag)")
    }
  }
}
