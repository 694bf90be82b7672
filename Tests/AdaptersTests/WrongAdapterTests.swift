import Adapters
import Checkpoints
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Adapters of every dialect with one tensor missing, renamed, turned or given twice, and with every value of their
/// configuration replaced by values of other kinds.
@Suite struct WrongAdapterTests {
  static let folders = [
    "golden/adapters_dialects", "golden/adapters_variants", "golden/adapters_loaded",
  ]
  .flatMap { root in
    ((try? Paths.entries(of: Checkout.path(root))) ?? []).map { "\(root)/\($0)" }
  }.filter {
    Paths.kind(of: Checkout.path("\($0)/adapter_model.safetensors")) == .file
      && !$0.contains("targets-") && !$0.contains("state-dictionary")
  }

  private func expectRefusal(_ folder: String, _ what: String) -> Bool {
    guard
      let found = fault({ () throws(Fault) in try Adapter.open(folder, memory: 1 << 28) })
    else { return false }
    #expect([65, 66, 69, 71].contains(found.exitCode), "\(what): \(found.line)")
    #expect(found.line.utf8.count <= 400 && !found.line.contains("\n"), "\(what): \(found.line)")
    #expect(found.path?.hasPrefix(folder) == true, "\(what): \(found.line)")
    return true
  }

  /// A tensor of a file.
  private struct Part {
    var name: String
    var shape: [Int]
    var values: [Float]
  }

  /// What may be wrong with one tensor among others.
  private static let changes: [(name: String, change: @Sendable (inout [Part], Int) -> Void)] = [
    ("missing", { $0.remove(at: $1) }),
    ("renamed", { $0[$1].name += ".other" }),
    ("of no module", { $0[$1].name = "lone." + $0[$1].name }),
    ("turned", { $0[$1].shape.reverse() }),
    ("flat", { $0[$1].shape = [$0[$1].values.count] }),
    ("empty", { ($0[$1].shape, $0[$1].values) = ([0, 3], []) }),
    ("of two more axes", { $0[$1].shape += [1, 1] }),
    (
      "given twice",
      {
        var other = $0[$1]
        other.name = "base_model.model." + other.name
        $0.append(other)
      }
    ),
  ]

  @Test(arguments: folders) func oneTensorIsWrong(_ name: String) throws {
    let source = Checkout.path(name)
    let file = try SafeTensorsFile.open("\(source)/adapter_model.safetensors")
    let parts = file.tensors.compactMap { tensor in
      (try? file.floats(of: tensor)).map {
        Part(name: tensor.name, shape: tensor.shape, values: $0)
      }
    }
    try withTemporaryDirectory { folder in
      if Paths.kind(of: "\(source)/adapter_config.json") == .file {
        try FileManager.default.copyItem(
          atPath: "\(source)/adapter_config.json", toPath: "\(folder)/adapter_config.json")
      }
      var refused = 0
      for place in parts.indices.prefix(3) {
        for (what, change) in Self.changes {
          var changed = parts
          change(&changed, place)
          var writer = SafeTensorsWriter()
          for part in changed {
            try writer.add(part.name, dtype: .f32, shape: part.shape, floats: part.values)
          }
          // Not synchronised: hundreds of these are written.
          try Data(writer.bytes()).write(
            to: URL(fileURLWithPath: "\(folder)/adapter_model.safetensors"))
          if expectRefusal(folder, "\(parts[place].name) \(what)") { refused += 1 }
        }
      }
      #expect(refused > 5)
    }
  }

  @Test(arguments: folders) func oneFieldIsWrong(_ name: String) throws {
    let source = Checkout.path(name)
    guard Paths.kind(of: "\(source)/adapter_config.json") == .file else { return }
    let root = try JSONValue.parse(
      InputFile("\(source)/adapter_config.json").readAll(limit: 1 << 20))
    try withTemporaryDirectory { folder in
      try FileManager.default.copyItem(
        atPath: "\(source)/adapter_model.safetensors", toPath: "\(folder)/adapter_model.safetensors"
      )
      var refused = 0
      for path in ChangedJSON.paths(root) {
        for other in ChangedJSON.others {
          let text = ChangedJSON.setting(root, path, other).text()
          try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/adapter_config.json"))
          if expectRefusal(folder, "\(path.joined(separator: ".")) is \(other.text())") {
            refused += 1
          }
        }
      }
      #expect(refused > 5)
    }
  }
}
