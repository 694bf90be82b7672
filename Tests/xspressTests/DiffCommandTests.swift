import Adapters
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// `xspress diff`, and `verify` of what was made, as files for other programs.
@Suite struct DiffCommandTests {
  private let model = Checkout.path("golden/tiny/model")
  private let adapter = Checkout.path("golden/tiny/adapter")

  private func convert(_ folder: String, _ name: String, _ options: [String]) throws -> String {
    let path = "\(folder)/\(name).loraxs"
    let made = try Tool.run(
      ["convert", "--base", model, "--adapter", adapter, "-o", path] + options,
      cache: "\(folder)/cache")
    #expect(made.status == 0, "\(made.errors)")
    return path
  }

  private func diff(_ folder: String, _ arguments: [String]) throws -> JSONValue {
    let found = try Tool.run(["diff", "--json"] + arguments, cache: "\(folder)/cache")
    #expect(found.status == 0, "\(found.errors)")
    return try JSONValue.parse(found.output)
  }

  /// `B·A·s` of an exported artifact by module, in Float64.
  private func updates(_ folder: String, _ artifact: String) throws -> [String: [Double]] {
    let exported = artifact + ".peft"
    let made = try Tool.run(
      ["export", artifact, "--base", model, "--to", "peft", "--dtype", "f32", "-o", exported],
      cache: "\(folder)/cache")
    #expect(made.status == 0, "\(made.errors)")
    var updates: [String: [Double]] = [:]
    for update in try Adapter.open(exported).updates {
      var values: [Double] = []
      for row in 0..<update.outFeatures {
        for column in 0..<update.inFeatures {
          var sum = 0.0
          for rank in 0..<update.loraA.rows {
            sum += Double(update.loraB[row, rank]) * Double(update.loraA[rank, column])
          }
          values.append(sum * update.scaling)
        }
      }
      updates[update.moduleName] = values
    }
    return updates
  }

  @Test func anArtifactIsTheSameAsItself() throws {
    try withTemporaryDirectory { folder in
      let artifact = try convert(folder, "a", ["--rank", "4"])
      let found = try diff(folder, [artifact, artifact])
      #expect(found["same"] == .bool(true))
      #expect((found["modules"]?.arrayValue ?? []).allSatisfy { $0["relative"] == .number(0) })
    }
  }

  /// Beside the dense difference of what either exports, other ranks and directions included.
  @Test(arguments: [
    ["--rank", "4", "--store", "int3"], ["--rank", "6x3"], ["--rank", "4", "--directions", "top"],
  ])
  func differencesAreThoseOfTheUpdates(options: [String]) throws {
    try withTemporaryDirectory { folder in
      let left = try convert(folder, "left", ["--rank", "4"])
      let right = try convert(folder, "right", options)
      let found = try diff(folder, [left, right, "--base", model])
      let (a, b) = (try updates(folder, left), try updates(folder, right))
      let modules = found["modules"]?.arrayValue ?? []
      #expect(modules.count == a.count && !modules.isEmpty)
      for module in modules {
        let name = try #require(module["name"]?.stringValue)
        let (x, y) = (try #require(a[name]), try #require(b[name]))
        func norm(_ values: [Double]) -> Double {
          values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
        let expected = norm(zip(x, y).map { $0 - $1 }) / norm(x)
        let relative = try #require(module["relative"]?.doubleValue)
        #expect(abs(relative - expected) < 1e-4, "\(name)")
        #expect(relative > 0)
      }
    }
  }

  @Test func artifactsOfAnotherBaseAreRefused() throws {
    try withTemporaryDirectory { folder in
      let left = try convert(folder, "left", ["--rank", "4"])
      // The same shapes, other weights.
      let other = "\(folder)/other"
      try FileManager.default.copyItem(atPath: model, toPath: other)
      var bytes = try InputFile("\(other)/model.safetensors").readAll(limit: 1 << 24)
      for place in stride(from: bytes.count / 2, to: bytes.count, by: 101) { bytes[place] ^= 1 }
      try Data(bytes).write(to: URL(fileURLWithPath: "\(other)/model.safetensors"))
      let right = "\(folder)/right.loraxs"
      let made = try Tool.run(
        ["convert", "--base", other, "--adapter", adapter, "--rank", "4", "-o", right],
        cache: "\(folder)/cache")
      #expect(made.status == 0, "\(made.errors)")
      let found = try Tool.run(["diff", left, right])
      #expect(found.status == 65)
      #expect(found.faultLines.count == 1 && found.errors.contains("ART-BASE"))
    }
  }

  @Test func verificationOfARunIsWrittenForOtherPrograms() throws {
    try withTemporaryDirectory { folder in
      _ = try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: \(model)}}
          defaults: {base: tiny, rank: 4}
          adapters: [{path: \(adapter), name: one}, {path: \(adapter), name: two}]
          """)
      let cache = "\(folder)/cache"
      let run = "\(folder)/run"
      #expect(try Tool.run(["batch", "\(folder)/m.yaml", "-o", run], cache: cache).status == 0)
      try Data([0]).write(to: URL(fileURLWithPath: "\(run)/jobs/two/two.loraxs"))
      let (junit, markdown) = ("\(folder)/j.xml", "\(folder)/m.md")
      let verified = try Tool.run(
        ["verify", run, "--junit", junit, "--markdown", markdown], cache: cache)
      #expect(verified.status == 65)
      let xml = String(decoding: try InputFile(junit).readAll(limit: 1 << 20), as: UTF8.self)
      #expect(xml.contains("tests=\"2\"") && xml.contains("failures=\"1\""))
      #expect(xml.contains("RUN-ARTIFACT"))
      let table = String(decoding: try InputFile(markdown).readAll(limit: 1 << 20), as: UTF8.self)
      #expect(table.contains("one") && table.contains("RUN-ARTIFACT"))
    }
  }
}
