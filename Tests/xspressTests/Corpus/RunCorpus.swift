import Files
import Foundation
import TestSupport

/// Items 155 to 157: a run of two jobs, whose first is damaged afterwards.
extension CorpusCase {
  static let runs: [CorpusCase] = [
    run(155, "an artifact that is another job's", "RUN-ARTIFACT", names: ["one.loraxs"]) { jobs in
      try FileManager.default.removeItem(atPath: "\(jobs)/one/one.loraxs")
      try FileManager.default.copyItem(
        atPath: "\(jobs)/two/two.loraxs", toPath: "\(jobs)/one/one.loraxs")
    },
    run(155, "a missing artifact", "RUN-ARTIFACT", names: ["one.loraxs"]) { jobs in
      try FileManager.default.removeItem(atPath: "\(jobs)/one/one.loraxs")
    },
    run(155, "an artifact without a record", "RUN-ARTIFACT", names: ["one.loraxs", "no record"]) {
      jobs in
      try FileManager.default.removeItem(atPath: "\(jobs)/one/record.json")
    },
    run(156, "a record cut off", "JSON-SYNTAX", names: ["one/record.json"]) { jobs in
      guard truncate("\(jobs)/one/record.json", 300) == 0 else {
        throw CocoaError(.fileWriteUnknown)
      }
    },
    run(157, "a bit of an artifact of a run", "RUN-ARTIFACT", names: ["one.loraxs"]) { jobs in
      let url = URL(fileURLWithPath: "\(jobs)/one/one.loraxs")
      var bytes = [UInt8](try Data(contentsOf: url))
      bytes[bytes.count - 2] ^= 1
      try Data(bytes).write(to: url)
    },
  ]

  private static func run(
    _ item: Int, _ what: String, _ code: String, names: [String],
    _ damage: @escaping @Sendable (_ jobs: String) throws -> Void
  ) -> CorpusCase {
    CorpusCase(item, what, 65, code, names: names) { folder in
      let adapter = Checkout.path("golden/tiny/adapter")
      let text = """
        schema: xspress.manifest/1
        bases:
          tiny: {path: \(TinyLlama.folder)}
        adapters:
          - {path: \(adapter), name: one, rank: 3}
          - {path: \(adapter), name: two, rank: 2}

        """
      let manifest = Paths.join(folder, "m.yaml")
      try Data(text.utf8).write(to: URL(fileURLWithPath: manifest))
      let run = Paths.join(folder, "run")
      _ = try Tool.run(["batch", manifest, "-o", run], cache: Paths.join(folder, "cache"))
      try damage(Paths.join(run, "jobs"))
      return ["verify", run]
    }
  }
}
