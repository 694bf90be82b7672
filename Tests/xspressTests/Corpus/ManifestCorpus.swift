import Files
import Foundation
import TestSupport

/// Items 110 and 111: names of jobs in a manifest, which become paths.
extension CorpusCase {
  private static let adapter = Checkout.path("golden/tiny/adapter")

  static let manifests: [CorpusCase] =
    ["../x", "a/b", "CON", "-rf", String(repeating: "n", count: 201)].map { name in
      manifest(110, "a job called \(name.debugDescription.prefix(16))", "NAME", names: [name])
    } + [
      manifest(110, "a job called \"\"", "MF-TYPE", names: [""]),
      manifest(111, "two jobs of one name", "NAME-DUP", names: ["same", "same"]),
      manifest(111, "two adapters of one name", "NAME-DUP", names: [nil, nil]),
    ]

  private static func manifest(
    _ item: Int, _ what: String, _ code: String, names: [String?]
  ) -> CorpusCase {
    CorpusCase(item, what, 65, code, names: ["m.yaml"]) { folder in
      let jobs = names.map { name in
        "  - {path: \(adapter)" + (name.map { ", name: \"\($0)\"}" } ?? "}")
      }
      let text = """
        schema: xspress.manifest/1
        bases:
          tiny: {path: \(TinyLlama.folder)}
        defaults: {rank: 3}
        adapters:
        \(jobs.joined(separator: "\n"))

        """
      let path = Paths.join(folder, "m.yaml")
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      return ["batch", path, "-o", Paths.join(folder, "run"), "--dry-run"]
    }
  }
}
