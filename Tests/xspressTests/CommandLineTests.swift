import Files
import Foundation
import JSON
import TestSupport
import Testing

/// The contract of streams and exit codes, without the demo base.
@Suite struct CommandLineTests {
  private let tinyModel = Checkout.path("golden/tiny/model")
  private let tinyAdapter = Checkout.path("golden/tiny/adapter")

  @Test(arguments: [
    [], ["inspect"], ["bases"], ["cache"], ["convert"], ["tune"], ["evaluate"], ["export"],
    ["batch"], ["verify"], ["report"],
  ])
  func helpGoesToStdoutWithExamples(command: [String]) throws {
    let outcome = try Tool.run(command + ["--help"])
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.contains("USAGE: xspress"))
    if command != ["cache"] { #expect(outcome.output.contains("EXAMPLES")) }
  }

  /// One mistake each: exit code 64, nothing on stdout, one line that points to --help.
  @Test(arguments: [
    ["convert"], ["nonsense"], ["inspect"], ["inspect", "a", "--frobnicate"],
    ["convert", "--base", "a", "--adapter", "b", "-o", "c"],
    ["convert", "--base", "a", "--adapter", "b", "-o", "c", "--rank", "0"],
    ["convert", "--base", "a", "--adapter", "b", "-o", "c", "--rank", "4", "--budget", "9KB"],
    ["convert", "--base", "a", "--adapter", "b", "-o", "c", "--rank", "4", "--method", "kfac"],
    ["convert", "--base", "a", "--adapter", "b", "-o", "c", "--rank", "4", "--store", "int9"],
    ["tune", "--base", "a", "--adapter", "b", "-o", "c", "--train", "d"],
    ["inspect", "a", "--threads", "0"], ["inspect", "a", "--log", "loud"],
  ])
  func usageMistakesGetOneLine(arguments: [String]) throws {
    let outcome = try Tool.run(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.hasPrefix("error: "))
  }

  /// The word that is wrong, and the page that helps.
  @Test(arguments: [
    (["conver", "--base", "x"], "Unknown command 'conver'; see xspress --help"),
    (["help", "convrt"], "Unknown command 'convrt'; see xspress --help"),
    (["cache", "lst"], "Unknown command 'lst'; see xspress help cache"),
    (
      ["convert", "--base", "a", "--rnak", "4"], "Unknown option '--rnak'; see xspress help convert"
    ),
    (["convert", "--train=t"], "Unknown option '--train'; see xspress help convert"),
    (["export", "x", "--to", "gguf", "-o", "y"], "peft, merged, merged-gguf, gguf-lora"),
    (["inspect", "x", "--format", "foo"], "one of the following: peft, lora-xs"),
  ])
  func usageMistakesAreNamed(arguments: [String], words: String) throws {
    let outcome = try Tool.run(arguments)
    #expect(outcome.status == 64 && outcome.errors.contains(words), "\(outcome.errors)")
    #expect(outcome.output.isEmpty && outcome.errorLines.count == 1)
  }

  @Test func missingInputNamesTheFile() throws {
    let outcome = try Tool.run(["inspect", "/no/such/model.gguf"])
    #expect(outcome.status == 66)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.hasPrefix("error: /no/such/model.gguf: "))
  }

  @Test func inspectGivesTheContractsJSON() throws {
    let outcome = try Tool.run(["inspect", tinyAdapter, "--digest", "--json"])
    #expect(outcome.status == 0)
    let value = try JSONValue.parse(outcome.output)
    #expect(value["schema"]?.stringValue == "xspress.inspect/1")
    #expect(value["kind"]?.stringValue == "adapter")
    #expect(value["format"]?.stringValue == "peft")
    let tensors = try #require(value["tensors"]?.arrayValue)
    #expect(!tensors.isEmpty)
    #expect(tensors.allSatisfy { $0["sha256"]?.stringValue?.count == 64 })
  }

  /// Integers, such as the position_ids of BERT, have no digest and do not hide the others.
  @Test func inspectDigestsWhatIsDecodedAndNamesTheRest() throws {
    try withTemporaryDirectory { folder in
      let header = """
        {"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},\
        "w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}
        """
      let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
      let path = Paths.join(folder, "m.safetensors")
      try AtomicFile.write(
        path, bytes: length + Array(header.utf8) + [UInt8](repeating: 0, count: 12))
      let outcome = try Tool.run(["inspect", path, "--digest", "--json"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let tensors = try JSONValue.parse(outcome.output)["tensors"]?.arrayValue ?? []
      try #require(tensors.count == 2)
      #expect(tensors[0]["sha256"]?.isNull == true)
      #expect(tensors[0]["undecoded"]?.stringValue?.contains("I64") == true)
      // Of four zero bytes.
      #expect(tensors[1]["sha256"]?.stringValue?.hasPrefix("df3f619804a92fdb") == true)
      #expect(tensors[1]["undecoded"] == nil)
      #expect(try Tool.run(["inspect", path, "--digest"]).output.contains("not decoded"))
      #expect(try !Tool.run(["inspect", path]).output.contains("not decoded"))
    }
  }

  @Test func convertExportAndInspectATinyModel() throws {
    try withTemporaryDirectory { folder in
      let artifact = Paths.join(folder, "tiny.loraxs")
      let arguments = [
        "convert", "--base", tinyModel, "--adapter", tinyAdapter, "--rank", "3", "--quiet",
        "-o", artifact, "--json",
      ]
      let first = try Tool.run(arguments, cache: folder)
      #expect(first.status == 0, "\(first.errors)")
      #expect(first.errors.isEmpty)
      let bytes = try InputFile(artifact).readAll(limit: 1 << 20)
      let second = try Tool.run(arguments, cache: folder)
      #expect(second.status == 0)
      #expect(try InputFile(artifact).readAll(limit: 1 << 20) == bytes)

      let inspected = try JSONValue.parse(try Tool.run(["inspect", artifact, "--json"]).output)
      #expect(inspected["kind"]?.stringValue == "artifact")
      #expect(inspected["metadata"]?["accuracy"]?.isNull == true)

      let exported = Paths.join(folder, "peft")
      let export = ["export", artifact, "--base", tinyModel, "--to", "peft", "-o", exported]
      #expect(try Tool.run(export, cache: folder).status == 0)
      #expect(try Tool.run(["inspect", exported], cache: folder).status == 0)
      // The directory is no longer empty.
      let again = try Tool.run(export, cache: folder)
      #expect(again.status == 73)
      #expect(again.errorLines.count == 1)
    }
  }

  @Test func anotherBaseIsRefusedInOneLine() throws {
    try withTemporaryDirectory { folder in
      let artifact = Paths.join(folder, "tiny.loraxs")
      _ = try Tool.run(
        [
          "convert", "--base", tinyModel, "--adapter", tinyAdapter, "--rank", "2", "-o", artifact,
        ], cache: folder)
      // The same model with one bit of one weight changed.
      let other = Paths.join(folder, "other")
      try Paths.makeDirectory(other)
      for name in ["config.json", "model.safetensors"] {
        var bytes = try InputFile(Paths.join(tinyModel, name)).readAll(limit: 1 << 24)
        if name == "model.safetensors" { bytes[bytes.count - 4096] ^= 1 }
        try AtomicFile.write(Paths.join(other, name), bytes: bytes)
      }
      let outcome = try Tool.run(
        ["export", artifact, "--base", other, "--to", "peft", "-o", Paths.join(folder, "x")],
        cache: folder)
      #expect(outcome.status == 65)
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("ART-BASE"))
      #expect(Paths.kind(of: Paths.join(folder, "x")) == .missing)
    }
  }

  @Test func adapterOfAnotherModelIsRefusedBeforeAnythingIsWritten() throws {
    try withTemporaryDirectory { folder in
      let artifact = Paths.join(folder, "x.loraxs")
      let outcome = try Tool.run(
        [
          "convert", "--base", tinyModel, "--adapter",
          Checkout.path("golden/adapters/clinc-domains-r8"), "--rank", "2", "-o", artifact,
        ], cache: folder)
      #expect(outcome.status == 65)
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("adapter made for another base"))
      #expect(Paths.kind(of: artifact) == .missing)
    }
  }

  @Test func fullDiskLeavesNothingBehind() throws {
    let outcome = try Tool.run([
      "convert", "--base", tinyModel, "--adapter", tinyAdapter, "--rank", "2", "-o",
      "/dev/full/x.loraxs",
    ])
    #expect(outcome.status == 73 || outcome.status == 66)
    #expect(outcome.errorLines.count == 1)
  }
}
