import Faults
import Files
import Foundation
import Recipes
import TestSupport
import Testing

/// Paths that a pattern of a manifest stands for (`formats/manifest.md` §3).
@Suite struct GlobPathTests {
  /// Links to the folder itself make three levels of few names 100,000 paths and more.
  @Test func aGlobHasALimit() throws {
    try withTemporaryDirectory { folder in
      for index in 0..<47 {
        try FileManager.default.createSymbolicLink(
          atPath: "\(folder)/\(index)", withDestinationPath: ".")
      }
      let path = "\(folder)/m.yaml"
      try AtomicFile.write(
        path,
        text: """
          schema: xspress.manifest/1
          bases: {b: {path: x}}
          adapters: [{glob: '*/*/*', rank: 3}]

          """)
      let found = try #require(throws: Fault.self) { _ = try Manifest.read(path) }
      #expect(found.code == "MF-GLOB" && found.exitCode == 65, "\(found.line)")
      #expect(found.reason.contains("matches 10") && found.path == path, "\(found.line)")
    }
  }
}
