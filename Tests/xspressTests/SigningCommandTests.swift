import Files
import Foundation
import JSON
import TestSupport
import Testing

/// `--sign`, `verify --key` and `--statements`, as a user gives them (`formats/signatures.md`).
@Suite struct SigningCommandTests {
  private static let adapter = Checkout.path("golden/tiny/adapter")
  private static let openssl = "/usr/bin/openssl"

  /// A folder with a pair of keys: the third of RFC 8032 §7.1.
  private func withKeys(_ body: (_ folder: String) throws -> Void) throws {
    try withTemporaryDirectory { folder in
      for (name, label, text) in [
        ("key", "PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIMWqjfQ/n4N77bdELzHct7Fm04U1B28JS4XOOi4LRFj3"),
        ("public", "PUBLIC KEY", "MCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU="),
      ] {
        try AtomicFile.write(
          "\(folder)/\(name).pem",
          text: "-----BEGIN \(label)-----\n\(text)\n-----END \(label)-----\n")
      }
      try body(folder)
    }
  }

  private func convert(_ folder: String, _ more: [String]) throws -> Tool.Outcome {
    try Tool.run(
      [
        "convert", "--base", TinyLlama.folder, "--adapter", Self.adapter, "--rank", "3", "-o",
        "\(folder)/a.loraxs",
      ] + more, cache: "\(folder)/cache")
  }

  private func verify(_ path: String, _ folder: String, _ more: [String] = []) throws
    -> Tool.Outcome
  {
    try Tool.run(["verify", path, "--key", "\(folder)/public.pem"] + more)
  }

  private func runOpenSSL(_ arguments: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.openssl)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  @Test func artifactsAreSignedAndChecked() throws {
    try withKeys { folder in
      let path = "\(folder)/a.loraxs"
      #expect(try convert(folder, ["--sign", "\(folder)/key.pem"]).status == 0)
      #expect(try verify(path, folder).status == 0)
      // Another artifact under its name, without a key.
      #expect(try convert(folder, ["--store", "f32"]).status == 0)
      let changed = try verify(path, folder)
      #expect(changed.status == 65 && changed.errors.hasSuffix("SIG-WRONG\n"), "\(changed.errors)")
      #expect(changed.errorLines.count == 1)
      Paths.removeIfPresent(path + ".sig")
      let missing = try verify(path, folder)
      #expect(missing.status == 66 && missing.errors.contains("a.loraxs.sig"), "\(missing.errors)")
    }
  }

  /// A key that is none costs no work.
  @Test func aWrongKeyIsSaidFirst() throws {
    try withKeys { folder in
      let outcome = try convert(folder, ["--sign", "\(folder)/public.pem"])
      #expect(outcome.status == 65 && outcome.errors.hasSuffix("SIG-KEY\n"), "\(outcome.errors)")
      #expect(Paths.kind(of: "\(folder)/a.loraxs") == .missing)
      let verified = try Tool.run(["verify", "golden", "--key", "\(folder)/public.pem"])
      #expect(verified.status == 64)
    }
  }

  /// What OpenSSL signs is checked here, and what is signed here OpenSSL checks.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: Self.openssl)))
  func signaturesAreThoseOfOpenSSL() throws {
    try withKeys { folder in
      let (path, key, own) = ("\(folder)/a.loraxs", "\(folder)/key.pem", "\(folder)/own.pem")
      #expect(try convert(folder, ["--sign", key]).status == 0)
      let check = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "\(folder)/public.pem"]
      #expect(try runOpenSSL(check + ["-in", path, "-sigfile", path + ".sig"]) == 0)
      // A key that was made by it.
      #expect(try runOpenSSL(["genpkey", "-algorithm", "ed25519", "-out", own]) == 0)
      #expect(try runOpenSSL(["pkey", "-in", own, "-pubout", "-out", "\(folder)/public.pem"]) == 0)
      #expect(try runOpenSSL(check + ["-in", path, "-sigfile", path + ".sig"]) != 0)
      let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", own, "-in", path, "-out", path + ".sig"]
      #expect(try runOpenSSL(sign) == 0)
      #expect(try verify(path, folder).status == 0)
      let signature = try InputFile(path + ".sig").readAll(limit: 64)
      #expect(try convert(folder, ["--sign", own]).status == 0)
      #expect(try InputFile(path + ".sig").readAll(limit: 64) == signature)
    }
  }

  @Test func everyFileOfARunIsSigned() throws {
    try withKeys { folder in
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: \(TinyLlama.folder)}}
          adapters:
            - {path: \(Self.adapter), name: one, rank: 3}
            - {path: \(Self.adapter), name: two, rank: 2}

          """)
      let (run, statements) = ("\(folder)/run", "\(folder)/statements")
      let batch = ["batch", "\(folder)/m.yaml", "-o", run]
      #expect(try Tool.run(batch, cache: "\(folder)/cache").status == 0)
      let unsigned = try verify(run, folder, ["--statements", statements])
      #expect(unsigned.status == 66, "\(unsigned.errors)")
      #expect(Paths.kind(of: statements) == .missing)
      // Nothing is done again: what is done is signed.
      let signing = try Tool.run(
        batch + ["--sign", "\(folder)/key.pem", "--json"], cache: "\(folder)/cache")
      #expect(signing.status == 0, "\(signing.errors)")
      let states = try JSONValue.parse(signing.output)["jobs"]?.arrayValue ?? []
      #expect(states.map { $0["state"]?.stringValue } == ["skipped", "skipped"])
      #expect(try verify(run, folder, ["--statements", statements]).status == 0)
      try checkStatements(statements, run)
      // Any of the four.
      for file in ["one/record.json", "two/two.loraxs"] {
        let bytes = try InputFile("\(run)/jobs/\(file).sig").readAll(limit: 64)
        try AtomicFile.write("\(run)/jobs/\(file).sig", bytes: bytes.reversed())
        let outcome = try verify(run, folder)
        #expect(outcome.status == 65 && outcome.errors.contains(file), "\(outcome.errors)")
        try AtomicFile.write("\(run)/jobs/\(file).sig", bytes: bytes)
      }
      #expect(try verify(run, folder).status == 0)
    }
  }

  private func checkStatements(_ folder: String, _ run: String) throws {
    #expect(try Paths.entries(of: folder) == ["one.intoto.json", "two.intoto.json"])
    for name in ["one", "two"] {
      let statement = try JSONValue.parse(
        try InputFile("\(folder)/\(name).intoto.json").readAll(limit: 1 << 24))
      #expect(statement["_type"]?.stringValue == "https://in-toto.io/Statement/v1")
      #expect(statement["predicateType"]?.stringValue == "urn:xspress:record:1")
      let subjects = statement["subject"]?.arrayValue ?? []
      #expect(subjects.count == 1 && subjects[0]["name"]?.stringValue == "\(name).loraxs")
      let artifact = try InputFile("\(run)/jobs/\(name)/\(name).loraxs").readAll(limit: 1 << 24)
      #expect(subjects[0]["digest"]?["sha256"]?.stringValue == SHA256Digest.of(artifact).hex)
      #expect(
        statement["predicate"]
          == (try JSONValue.parse(
            try InputFile("\(run)/jobs/\(name)/record.json").readAll(limit: 1 << 24))))
    }
  }
}
