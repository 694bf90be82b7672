import Files
import JSON
import TestSupport
import Testing

/// A batch that calibrates by the base's own second moments: computed once, and every artifact the one of a conversion alone.
@Suite struct SharedCalibrationTests {
  private static let openings = (0..<40).map { index in
    let letters = Array("CDEFGHIJKLMNOPQRSTUVWXYZ")
    return "{\"prompt\": \"\(letters[index % 24])\(letters[index * 7 % 24])\", "
      + "\"choices\": [\"C\", \"D\"], \"answer\": \(index % 2)}\n"
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    try InputFile(path).readAll(limit: 1 << 24)
  }

  private func batch(_ folder: String, _ run: String, workers: Int = 1) throws -> Tool.Outcome {
    try Tool.run(
      [
        "batch", "\(folder)/m.yaml", "-o", "\(folder)/\(run)", "--workers", "\(workers)", "--log",
        "plain",
      ], cache: "\(folder)/cache")
  }

  /// How often moments were computed.
  private func calibrations(_ run: Tool.Outcome) -> Int {
    run.errorLines.count { $0.contains("calibrate: 24 examples in") }
  }

  @Test(arguments: [
    (["store": "int8"], ["--store", "int8"]), (["store": "int3"], ["--store", "int3"]),
    (["directions": "top"], ["--directions", "top"]),
    (["method": "projected"], ["--method", "projected"]),
    (["rank": "6x3"], ["--rank", "6x3"]),
  ])
  func aBatchIsThatOfConversionsAlone(keys: [String: String], options: [String]) throws {
    let adapter = Checkout.path("golden/tiny/adapter")
    try withTemporaryDirectory { folder in
      let base = try ExportBases.gguf.write(to: folder)
      try AtomicFile.write("\(folder)/rows.jsonl", text: Self.openings.joined())
      let fields = keys.merging(["rank": "4"]) { first, _ in first }
        .map { "\($0.key): \($0.value)" }.sorted().joined(separator: ", ")
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: \(base)}}
          defaults:
            calibrate: {data: rows.jsonl, limit: 24, model: base}
          adapters:
            - {path: \(adapter), name: one, \(fields)}
            - {path: \(adapter), name: two, \(fields)}
            - {path: \(adapter), name: three, \(fields)}
          """)
      let run = try batch(folder, "run")
      #expect(run.status == 0 && calibrations(run) == 1, "\(run.errors)")
      // They went through the stacked conversion.
      #expect(run.errors.contains("project 3 adapters"))
      let rank = options.contains("--rank") ? [] : ["--rank", "4"]
      let alone = try Tool.run(
        [
          "convert", "--base", base, "--adapter", adapter, "-o", "\(folder)/alone.loraxs",
          "--calibrate", "\(folder)/rows.jsonl", "--calibrate-limit", "24", "--calibrate-model",
          "base",
        ] + rank + options, cache: "\(folder)/other")
      #expect(alone.status == 0, "\(alone.errors)")
      for name in ["one", "two", "three"] {
        #expect(
          try bytes("\(folder)/run/jobs/\(name)/\(name).loraxs") == bytes("\(folder)/alone.loraxs"))
      }
      // Another run, its jobs in two processes: nothing is computed anew, and the bytes are the same.
      let again = try batch(folder, "again", workers: 2)
      #expect(again.status == 0 && calibrations(again) == 0, "\(again.errors)")
      #expect(again.errors.contains("second moments of the base: from the cache"))
      #expect(
        try bytes("\(folder)/again/jobs/three/three.loraxs") == bytes("\(folder)/alone.loraxs"))
    }
  }

  /// Two processes that begin together compute once: one waits for the other.
  @Test func workersComputeOnce() throws {
    let adapter = Checkout.path("golden/tiny/adapter")
    try withTemporaryDirectory { folder in
      let base = try ExportBases.gguf.write(to: folder)
      try AtomicFile.write("\(folder)/rows.jsonl", text: Self.openings.joined())
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: \(base)}}
          defaults: {rank: 4, calibrate: {data: rows.jsonl, limit: 24, model: base}}
          adapters:
          \((0..<4).map { "  - {path: \(adapter), name: job\($0)}" }.joined(separator: "\n"))
          """)
      let run = try batch(folder, "run", workers: 4)
      #expect(run.status == 0 && calibrations(run) == 1, "\(run.errors)")
    }
  }
}
