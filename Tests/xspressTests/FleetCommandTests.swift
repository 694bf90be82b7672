import Files
import Foundation
import JSON
import TestSupport
import Testing

private let head = """
  schema: xspress.manifest/1
  bases:
    tiny: {path: \(Checkout.path("golden/tiny/model"))}
  defaults: {rank: 4}
  adapters:

  """

/// Many jobs: stacked, in parts, twice, and after a crash.
@Suite struct FleetCommandTests {
  private let adapter = Checkout.path("golden/tiny/adapter")

  private func bytes(_ path: String) throws -> [UInt8] {
    try InputFile(path).readAll(limit: 1 << 24)
  }

  private func states(_ run: Tool.Outcome) throws -> [String?] {
    (try JSONValue.parse(run.output)["jobs"]?.arrayValue ?? []).map { $0["state"]?.stringValue }
  }

  private func run(_ folder: String, _ arguments: [String]) throws -> Tool.Outcome {
    try Tool.run(arguments, cache: "\(folder)/cache")
  }

  /// Whatever is done together, every artifact is the one of a conversion alone, to the byte.
  @Test(arguments: [
    ["--rank", "4"], ["--rank", "6x3"], ["--rank", "4", "--directions", "top"],
    ["--rank", "4", "--store", "int3"], ["--rank", "4", "--candidates", "9"],
    ["--rank", "4", "--embed-bases"],
  ])
  func stackedConversionsAreThoseOfOneAlone(options: [String]) throws {
    try withTemporaryDirectory { folder in
      let keys = [
        "--rank": "rank", "--directions": "directions", "--store": "store",
        "--candidates": "candidates", "--embed-bases": "embed_bases",
      ]
      var entries: [String] = []
      for (index, word) in options.enumerated() {
        guard let key = keys[word] else { continue }
        let value =
          index + 1 < options.count && !options[index + 1].hasPrefix("--")
          ? options[index + 1] : "true"
        entries.append("\(key): \(value)")
      }
      let fields = entries.joined(separator: ", ")
      let text =
        head
        + ["one", "two", "three"].map { "  - {path: \(adapter), name: \($0), \(fields)}\n" }
        .joined()
      _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
      let batch = try run(folder, ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--json"])
      #expect(try states(batch) == ["done", "done", "done"], "\(batch.errors)")
      let alone = try run(
        folder,
        [
          "convert", "--base", Checkout.path("golden/tiny/model"), "--adapter", adapter, "-o",
          "\(folder)/alone.loraxs",
        ] + options)
      #expect(alone.status == 0, "\(alone.errors)")
      for name in ["one", "two", "three"] {
        #expect(
          try bytes("\(folder)/run/jobs/\(name)/\(name).loraxs") == bytes("\(folder)/alone.loraxs"))
      }
    }
  }

  /// Parts done anywhere, in any order and twice, come to what one batch comes to.
  @Test func partsOfAPlanAreTheWhole() throws {
    try withTemporaryDirectory { folder in
      let text =
        head + (0..<5).map { "  - {path: \(adapter), name: job\($0)}\n" }.joined()
        + "  - {path: \(adapter), name: other, store: f32}\n  - {path: gone}\n"
      _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
      let target = "\(folder)/run"
      #expect(try run(folder, ["plan", "\(folder)/m.yaml", "-o", target]).status == 0)
      let early = try run(folder, ["collect", target, "--json"])
      #expect(early.status == 75 && early.errors.contains("RUN-MISSING"), "\(early.errors)")
      var names: [String] = []
      for part in ["2/3", "0/3", "1/3"] {
        let outcome = try run(folder, ["run", target, "--shard", part, "--json"])
        #expect([0, 66].contains(outcome.status), "\(outcome.errors)")
        names += (try JSONValue.parse(outcome.output)["jobs"]?.arrayValue ?? [])
          .compactMap { $0["name"]?.stringValue }
      }
      #expect(
        names.sorted() == ["gone", "job0", "job1", "job2", "job3", "job4", "other"], "\(names)")
      let record = try bytes("\(target)/jobs/job0/record.json")
      // An engine that runs a part again finds it done.
      let again = try Tool.run(
        ["run", target, "--shards", "3", "--json"], cache: "\(folder)/cache",
        environment: ["SLURM_ARRAY_TASK_ID": "0"])
      #expect(try states(again).allSatisfy { $0 == "skipped" })
      #expect(try bytes("\(target)/jobs/job0/record.json") == record)
      let collected = try run(folder, ["collect", target, "--json"])
      #expect(collected.status == 66)
      #expect(
        try states(collected) == ["done", "done", "done", "done", "done", "done", "failed"])
      _ = try run(folder, ["batch", "\(folder)/m.yaml", "-o", "\(folder)/whole", "--workers", "2"])
      for name in ["job0", "job4", "other"] {
        #expect(
          try bytes("\(target)/jobs/\(name)/\(name).loraxs")
            == bytes("\(folder)/whole/jobs/\(name)/\(name).loraxs"))
      }
    }
  }

  @Test func aChangedManifestIsPlannedAgain() throws {
    try withTemporaryDirectory { folder in
      let text = head + "  - {path: \(adapter), name: one}\n"
      _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
      _ = try run(folder, ["plan", "\(folder)/m.yaml", "-o", "\(folder)/run"])
      _ = try AtomicFile.write(
        "\(folder)/m.yaml", text: text + "  - {path: \(adapter), name: two}\n")
      let outcome = try run(folder, ["run", "\(folder)/run"])
      #expect(outcome.status == 65 && outcome.errors.contains("RUN-CHANGED"), "\(outcome.errors)")
      let shards = try run(folder, ["run", "\(folder)/run", "--shards", "2"])
      #expect(shards.status == 64 && shards.errors.contains("SHARD"), "\(shards.errors)")
    }
  }

  /// A worker that was killed between its record and letting go leaves its lock; who skips the job takes it away.
  @Test func theLockOfAFinishedJobGoes() throws {
    try withTemporaryDirectory { folder in
      _ = try AtomicFile.write(
        "\(folder)/m.yaml", text: head + "  - {path: \(adapter), name: one}\n")
      let arguments = ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--json"]
      #expect(try run(folder, arguments).status == 0)
      let lock = "\(folder)/run/jobs/one/one.loraxs.lock"
      _ = try AtomicFile.write(lock, text: "process 1 on a machine")
      #expect(try states(try run(folder, arguments)) == ["skipped"])
      #expect(Paths.kind(of: lock) == .missing)
    }
  }

  /// `--since`: what has not changed is taken over, what has is done.
  @Test func onlyWhatChangedIsDone() throws {
    try withTemporaryDirectory { folder in
      for name in ["one", "two"] {
        try Paths.makeDirectory("\(folder)/\(name)")
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
          _ = try AtomicFile.write(
            "\(folder)/\(name)/\(file)", bytes: try bytes("\(adapter)/\(file)"))
        }
      }
      _ = try AtomicFile.write("\(folder)/m.yaml", text: head + "  - {glob: '[ot]*'}\n")
      _ = try run(folder, ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run"])
      let path = "\(folder)/two/adapter_config.json"
      let config = String(decoding: try bytes(path), as: UTF8.self)
      let alpha = try #require(config.firstMatch(of: /"lora_alpha": *[0-9.]+/)?.output)
      _ = try AtomicFile.write(path, text: config.replacing(alpha, with: "\"lora_alpha\": 77"))
      let next = try run(
        folder,
        [
          "batch", "\(folder)/m.yaml", "-o", "\(folder)/next", "--since", "\(folder)/run", "--json",
        ])
      #expect(try states(next) == ["skipped", "done"], "\(next.errors)")
      #expect(
        try bytes("\(folder)/next/jobs/one/one.loraxs")
          == bytes("\(folder)/run/jobs/one/one.loraxs"))
      #expect(try run(folder, ["collect", "\(folder)/next"]).status == 0)
    }
  }
}
