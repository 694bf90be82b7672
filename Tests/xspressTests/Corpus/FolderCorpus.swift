import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport

/// Items 99 to 109 and 112 to 119: folders, shards and paths.
extension CorpusCase {
  static let folders: [CorpusCase] = shardNames + shards + indices + places + contents

  private static let second = "model-00002-of-00002.safetensors"
  private static let index = "model.safetensors.index.json"

  /// A model of two shards, `a` and `b`, that `xspress inspect` is given after `change`.
  private static func sharded(
    _ item: Int, _ what: String, _ status: Int32, _ code: String?, names: [String] = [],
    map: [String: String] = [:], _ change: @escaping @Sendable (_ folder: String) throws -> Void
  ) -> CorpusCase {
    CorpusCase(item, what, status, code, names: names) { parent in
      let folder = Paths.join(parent, "model")
      try Paths.makeDirectory(folder)
      let first = "model-00001-of-00002.safetensors"
      for (name, shard) in [("a", first), ("b", second)] {
        var writer = SafeTensorsWriter()
        try writer.add(name, shape: [1], floats: [1])
        try writer.write(to: Paths.join(folder, shard))
      }
      try write("config.json", "{}", folder)
      let weights = ["a": first, "b": second].merging(map) { $1 }
      let json: [String: Any] = ["metadata": ["total_size": 1], "weight_map": weights]
      try JSONSerialization.data(withJSONObject: json)
        .write(to: URL(fileURLWithPath: Paths.join(folder, index)))
      try change(folder)
      return ["inspect", folder]
    }
  }

  private static func write(_ name: String, _ text: String, _ folder: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: Paths.join(folder, name)))
  }

  private static func remove(_ name: String, _ folder: String) throws {
    try FileManager.default.removeItem(atPath: Paths.join(folder, name))
  }

  private static func link(_ name: String, to target: String, _ folder: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: Paths.join(folder, name), withDestinationPath: target)
  }

  // MARK: - Shards

  private static let shardNames: [CorpusCase] = [
    "../other/model.safetensors", "/etc/passwd", "a/../../x.safetensors", "a\u{0}b.safetensors",
    "", ".", "..", String(repeating: "n", count: 300) + ".safetensors",
  ].map { name in
    sharded(
      99, "a shard called \(name.debugDescription.prefix(24))", 65, "PATH",
      names: [index, "tensor \"b\""], map: ["b": name]
    ) { _ in }
  }

  private static let shards: [CorpusCase] = [
    sharded(100, "a link out of the folder", 65, "PATH", names: [second]) { folder in
      try FileManager.default.moveItem(
        atPath: Paths.join(folder, second), toPath: Paths.join(folder, "../outside"))
      try link(second, to: "../outside", folder)
    },
    sharded(101, "a link to itself", 66, "IO-OPEN", names: [second]) { folder in
      try remove(second, folder)
      try link(second, to: second, folder)
    },
    sharded(101, "a link to nothing", 66, "IO-OPEN", names: [second]) { folder in
      try remove(second, folder)
      try link(second, to: "nowhere", folder)
    },
    sharded(102, "a folder", 65, "PATH", names: [second]) { folder in
      try remove(second, folder)
      try Paths.makeDirectory(Paths.join(folder, second))
    },
    sharded(102, "a FIFO", 65, "PATH", names: [second]) { folder in
      try remove(second, folder)
      guard mkfifo(Paths.join(folder, second), 0o600) == 0 else {
        throw CocoaError(.fileWriteUnknown)
      }
    },
    sharded(102, "a device", 65, "PATH", names: [second]) { folder in
      try remove(second, folder)
      try link(second, to: "/dev/zero", folder)
    },
    sharded(103, "a missing shard", 66, "IO-OPEN", names: ["1 of 2 shards", second]) { folder in
      try remove(second, folder)
    },
    sharded(
      104, "a tensor that no shard has", 65, "IDX", names: ["tensor \"c\""], map: ["c": second]
    ) { _ in },
    sharded(104, "a tensor that the index does not have", 65, "IDX", names: ["tensor \"c\""]) {
      folder in
      var writer = SafeTensorsWriter()
      for name in ["b", "c"] { try writer.add(name, shape: [1], floats: [1]) }
      try writer.write(to: Paths.join(folder, second))
    },
    sharded(105, "a tensor in two shards", 65, "IDX-DUP", names: ["tensor \"a\""]) { folder in
      var writer = SafeTensorsWriter()
      for name in ["a", "b"] { try writer.add(name, shape: [1], floats: [1]) }
      try writer.write(to: Paths.join(folder, second))
    },
    sharded(107, "a total_size that is wrong", 0, nil, names: ["2 tensors"]) { _ in },
    sharded(109, "names that differ in case", 0, nil, names: ["3 tensors"], map: ["B": second]) {
      folder in
      var writer = SafeTensorsWriter()
      for name in ["b", "B"] { try writer.add(name, shape: [1], floats: [1]) }
      try writer.write(to: Paths.join(folder, second))
    },
  ]

  private static let indices: [CorpusCase] =
    [
      ("a name twice", #"{"weight_map":{"a":"m.safetensors","a":"m.safetensors"}}"#),
      ("a list", #"{"weight_map":["m.safetensors"]}"#),
      ("a value that is no text", #"{"weight_map":{"a":null}}"#), ("half a text", "{"),
      (
        "100 000 lists in lists",
        #"{"weight_map":"# + String(repeating: "[", count: 100_000)
      ),
    ].map { (what: String, text: String) in
      sharded(106, "an index: \(what)", 65, "IDX-JSON", names: [index]) { folder in
        try write(index, text, folder)
      }
    } + [
      sharded(106, "an index of 200 MB", 65, "IO-SIZE", names: [index]) { folder in
        guard truncate(Paths.join(folder, index), 200 << 20) == 0 else {
          throw CocoaError(.fileWriteUnknown)
        }
      },
      sharded(108, "one file beside the index", 65, "IDX-AMBIG", names: ["model.safetensors"]) {
        folder in
        var writer = SafeTensorsWriter()
        try writer.add("a", shape: [1], floats: [2])
        try writer.write(to: Paths.join(folder, "model.safetensors"))
      },
    ]

  // MARK: - Places

  private static let places: [CorpusCase] = [
    CorpusCase(112, "output in the adapter", 64, "OUT-IN", names: ["adapter"]) { folder in
      let adapter = try CorpusAdapter.copy(to: folder)
      return convert(adapter: adapter, in: adapter)
    },
    CorpusCase(112, "output instead of the adapter's weights", 64, "OUT-IN") { folder in
      let adapter = try CorpusAdapter.copy(to: folder)
      var arguments = convert(adapter: adapter, in: adapter)
      arguments[arguments.count - 1] = Paths.join(adapter, "adapter_model.safetensors")
      return arguments
    },
    CorpusCase(113, "output a link to another file", 0, nil) { folder in
      try write("precious", "precious", folder)
      try link("out.loraxs", to: "precious", folder)
      return convert(in: folder)
    },
    CorpusCase(119, "3000 files beside the weights", 0, nil) { folder in
      let adapter = try CorpusAdapter.copy(to: folder)
      for number in 0..<3000 {
        _ = FileManager.default.createFile(
          atPath: Paths.join(adapter, "\(number)"), contents: nil)
      }
      return ["inspect", adapter]
    },
    CorpusCase(119, "100001 files beside the weights", 65, "PATH", names: ["100000 entries"]) {
      folder in
      let adapter = try CorpusAdapter.copy(to: folder)
      for number in 0..<99_999 {
        let descriptor = open(Paths.join(adapter, "\(number)"), O_CREAT | O_WRONLY, 0o600)
        guard descriptor >= 0, close(descriptor) == 0 else { throw CocoaError(.fileWriteUnknown) }
      }
      return ["inspect", adapter]
    },
    CorpusCase(119, "entries that cannot be read beside the weights", 0, nil) { folder in
      let adapter = try CorpusAdapter.copy(to: folder)
      try link("loop.safetensors", to: "loop.safetensors", adapter)
      try link("nothing.bin", to: "nowhere", adapter)
      guard mkfifo(Paths.join(adapter, "pipe.json"), 0o600) == 0,
        mkdir(Paths.join(adapter, "closed"), 0) == 0
      else { throw CocoaError(.fileWriteUnknown) }
      return ["inspect", adapter]
    },
    CorpusCase(109, "a name that is no UTF-8 beside the weights", 0, nil, names: ["21 tensors"]) {
      folder in
      let model = Paths.join(folder, "model")
      try FileManager.default.copyItem(atPath: TinyLlama.folder, toPath: model)
      let name = Array("\(model)/".utf8) + [0xff, 0xfe, 0x2e, 0x70, 0x79, 0]
      let descriptor = name.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer {
        $0.baseAddress.map { open($0, O_CREAT | O_WRONLY, 0o600) } ?? -1
      }
      guard descriptor >= 0, close(descriptor) == 0 else { throw CocoaError(.fileWriteUnknown) }
      return ["inspect", model]
    },
  ]

  // MARK: - Contents

  private static let contents: [CorpusCase] =
    [
      (115, "no config.json", 66, "IO-OPEN", nil), (115, "an empty config.json", 65, "CFG", ""),
      (115, "a config.json that is no JSON", 65, "CFG", "hidden_size: 32"),
      (
        115, "a key twice in config.json", 65, "CFG",
        #"{"model_type":"llama","model_type":"qwen2"}"#
      ),
    ].map { (item: Int, what: String, status: Int32, code: String, text: String?) in
      CorpusCase(item, what, status, code, names: ["config.json"]) { folder in
        let model = Paths.join(folder, "model")
        try FileManager.default.copyItem(atPath: TinyLlama.folder, toPath: model)
        try remove("config.json", model)
        if let text { try write("config.json", text, model) }
        return convert(base: model, in: folder)
      }
    }
    + [
      (115, "no adapter_config.json", 66, "IO-OPEN", nil),
      (115, "an empty adapter_config.json", 65, "AD-CONFIG", ""),
      (115, "a key twice in adapter_config.json", 65, "AD-CONFIG", #"{"r":1,"r":2}"#),
      (118, "Git LFS in place of the configuration", 65, "FILE-LFS", lfs),
    ].map { (item: Int, what: String, status: Int32, code: String, text: String?) in
      CorpusCase(item, what, status, code, names: ["adapter_config.json"]) { folder in
        let adapter = try CorpusAdapter.copy(to: folder)
        try remove("adapter_config.json", adapter)
        if let text { try write("adapter_config.json", text, adapter) }
        return ["inspect", adapter]
      }
    }
    + [
      CorpusCase(115, "an adapter_config.json of 1 GB", 65, "IO-SIZE") { folder in
        let adapter = try CorpusAdapter.copy(to: folder)
        guard truncate(Paths.join(adapter, "adapter_config.json"), 1 << 30) == 0 else {
          throw CocoaError(.fileWriteUnknown)
        }
        return ["inspect", adapter]
      },
      CorpusCase(
        117, "code in the folder", 0, nil, names: ["21 tensors", "modeling.py", "HF-CODE"]
      ) { folder in
        let model = Paths.join(folder, "model")
        try FileManager.default.copyItem(atPath: TinyLlama.folder, toPath: model)
        try write("modeling.py", "open('owned', 'w')", model)
        return ["inspect", model]
      },
      file(118, "Git LFS in place of weights", 65, "FILE-LFS", as: "model.safetensors") {
        Array(lfs.utf8)
      },
      file(118, "a web page in place of weights", 65, "FILE-HTML", as: "model.safetensors") {
        Array("<!DOCTYPE html><html><body>404</body></html>".utf8)
      },
      file(118, "0 bytes in place of weights", 65, "ST-SHORT", as: "model.safetensors") { [] },
    ]

  private static let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
}
