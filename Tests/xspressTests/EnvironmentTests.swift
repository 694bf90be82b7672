import Files
import Foundation
import TestSupport
import Testing

/// What surrounds a process and is none of its business.
@Suite struct EnvironmentTests {
  private static let secret = "canary-5f1c9b7e"

  private func batch(_ folder: String, limits: String) throws -> [UInt8] {
    try AtomicFile.write(
      "\(folder)/m.yaml",
      text: """
        schema: xspress.manifest/1
        bases: {tiny: {path: \(Checkout.path("golden/tiny/model"))}}
        adapters:
          - {path: \(Checkout.path("golden/tiny/adapter")), name: a, rank: 4}
        """)
    let outcome = try Tool.run(
      ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--cache-dir", "\(folder)/cache"],
      environment: ["XSPRESS_TEST_TOKEN": Self.secret], limits: limits)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(!(outcome.output + outcome.errors).contains(Self.secret))
    return try InputFile("\(folder)/run/jobs/a/a.loraxs").readAll(limit: 1 << 20)
  }

  /// Another language, another time zone and no home give the same bytes.
  ///
  /// A secret among the variables is in none of the files.
  @Test func theEnvironmentChangesNoBytes() throws {
    try withTemporaryDirectory { plain in
      try withTemporaryDirectory { other in
        let odd =
          "unset HOME XDG_CACHE_HOME USER; export LC_ALL=de_DE.UTF-8 LANG=tr_TR TZ=Asia/Kathmandu"
        #expect(try batch(plain, limits: "export LC_ALL=C") == batch(other, limits: odd))
        let names = try FileManager.default.subpathsOfDirectory(atPath: other)
        for name in names where Paths.kind(of: "\(other)/\(name)") == .file {
          let bytes = try InputFile("\(other)/\(name)").readAll(limit: 1 << 26)
          #expect(Data(bytes).range(of: Data(Self.secret.utf8)) == nil, "\(name)")
        }
        #expect(names.contains { $0.hasSuffix("report.json") })
      }
    }
  }

  /// Root reads everything: another user does not.
  @Test(.enabled(if: getuid() == 0)) func unreadableInputsAreSaid() throws {
    try withTemporaryDirectory { folder in
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
      let path = "\(folder)/a.loraxs"
      try AtomicFile.write(path, text: "secret")
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
      let outcome = try Tool.run(
        ["inspect", path],
        limits: "exec setpriv --reuid=54321 --clear-groups \"$0\" \"$@\"")
      #expect(outcome.status == 66, "\(outcome.errors)")
      #expect(outcome.errorLines.count == 1 && outcome.errors.hasSuffix("IO-OPEN\n"))
    }
  }
}
