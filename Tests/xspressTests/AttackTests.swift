import Artifacts
import Checkpoints
import Compression
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Files and options made to hurt, run as a user would.
@Suite struct AttackTests {
  private let tinyModel = Checkout.path("golden/tiny/model")
  private let tinyAdapter = Checkout.path("golden/tiny/adapter")
  /// 1.5 GB of address space: the program and its threads, and nothing like what a bomb asks for.
  private static let limits = "ulimit -v 1500000"

  private func convert(to output: String, _ arguments: [String] = []) throws -> Tool.Outcome {
    try Tool.run(
      [
        "convert", "--base", tinyModel, "--adapter", tinyAdapter, "--rank", "3", "-o", output,
        "--log", "none",
      ] + arguments, cache: Paths.parent(of: output) + "/cache")
  }

  /// The content of an artifact, decompressed, with `change` applied to the text of its metadata.
  private func rewrite(
    _ path: String, to target: String, change: (inout JSONObject) -> Void
  ) throws {
    let bytes = try InputFile(path).readAll(limit: 1 << 24)
    let content = try Zstd.decompress(bytes, limit: 1 << 24)
    let length = content[..<8].enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
    var header = try #require(try JSONValue.parse(Array(content[8..<8 + length])).objectValue)
    var metadata = try #require(header["__metadata__"]?.objectValue)
    let text = try #require(metadata["xspress"]?.stringValue)
    var about = try #require(try JSONValue.parse(text).objectValue)
    change(&about)
    metadata["xspress"] = .string(JSONValue.object(about).text())
    header["__metadata__"] = .object(metadata)
    let changed = JSONValue.object(header).bytes()
    let prefix = withUnsafeBytes(of: UInt64(changed.count).littleEndian) { Array($0) }
    try AtomicFile.write(
      target, bytes: try Zstd.compress(prefix + changed + content[(8 + length)...], level: 3))
  }

  @Test func aFewBytesOfAnArtifactAreNotGigabytesOfValues() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "a.loraxs")
      #expect(try convert(to: path).status == 0)
      let bomb = Paths.join(folder, "bomb.loraxs")
      try rewrite(path, to: bomb) {
        $0["x"] = .array([JSONValue](repeating: .object(JSONObject()), count: 2_000_000))
      }
      #expect(try InputFile(bomb).byteCount < 16 << 10)
      let outcome = try Tool.run(["inspect", bomb], limits: Self.limits)
      #expect(outcome.status == 71, "\(outcome.errors.prefix(400))")
      #expect(outcome.errors.hasSuffix("JSON-MEMORY\n") && outcome.errorLines.count == 1)
    }
  }

  /// 71 with one line, whatever the container of the JSON text.
  @Test(arguments: ["model.safetensors", "adapter_config.json", "config.json"])
  func bombsOfEveryContainer(name: String) throws {
    try withTemporaryDirectory { folder in
      let bomb = "{\"x\":[" + Array(repeating: "{}", count: 1_300_000).joined(separator: ",") + "]}"
      let path: String
      switch name {
      case "model.safetensors":
        let big = bomb.dropLast(2) + String(repeating: ",[[]]", count: 5_000_000) + "]}"
        let length = withUnsafeBytes(of: UInt64(big.utf8.count).littleEndian) { Array($0) }
        path = Paths.join(folder, name)
        try AtomicFile.write(path, bytes: length + Array(big.utf8))
      case "adapter_config.json":
        try FileManager.default.copyItem(atPath: tinyAdapter, toPath: Paths.join(folder, "adapter"))
        path = Paths.join(folder, "adapter")
        try AtomicFile.write(Paths.join(path, name), text: bomb)
      default:
        try FileManager.default.copyItem(atPath: tinyModel, toPath: Paths.join(folder, "model"))
        path = Paths.join(folder, "model")
        try AtomicFile.write(
          Paths.join(path, name),
          text: bomb.dropLast(2) + String(repeating: ",[[]]", count: 2_000_000) + "]}")
      }
      let outcome = try Tool.run(["inspect", path], limits: Self.limits)
      #expect([65, 71].contains(outcome.status), "\(outcome.status) \(outcome.errors.prefix(300))")
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("memory") || outcome.errors.contains("at most"))
    }
  }

  /// A frame of zeros that declares gigabytes, and one that is a true but enormous file.
  @Test func aSmallFrameIsNotGigabytesOfContent() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "zeros.loraxs")
      let zeros = [UInt8](repeating: 0, count: 300 << 20)
      try AtomicFile.write(path, bytes: try Zstd.compress(zeros, level: 1))
      var outcome = try Tool.run(["inspect", path])
      #expect(outcome.status == 65 && outcome.errors.contains("ART-SIZE"), "\(outcome.errors)")
      // Below the limit the header decides, before the rest is decoded.
      try AtomicFile.write(
        path, bytes: try Zstd.compress(Array(zeros.prefix(200 << 20)), level: 1))
      outcome = try Tool.run(["inspect", path, "--memory", "8GB"], limits: "ulimit -v 450000")
      #expect(outcome.status == 65 && outcome.errors.contains("ST-JSON"), "\(outcome.errors)")
    }
  }

  /// A dialect whose factors are made of smaller ones.
  struct Growth: Sendable, CustomTestStringConvertible {
    let name: String
    let memory: String
    let parts: [(String, [Int])]
    var configuration: JSONValue?
    var testDescription: String { name }
  }

  /// Each module fits into half of the memory by itself.
  static let growths: [Growth] = [
    Growth(
      name: "LoKr", memory: "2GB",
      parts: [("lokr_w1", [100, 100]), ("lokr_w2_a", [100, 100]), ("lokr_w2_b", [100, 100])]),
    Growth(
      name: "LoKr of PEFT", memory: "2GB",
      parts: [("lokr_w1", [100, 100]), ("lokr_w2", [100, 100])],
      configuration: ["peft_type": "LOKR", "r": 8, "alpha": 8]),
    Growth(
      name: "LoHa", memory: "16MB",
      parts: [
        ("hada_w1_a", [512, 16]), ("hada_w1_b", [16, 512]), ("hada_w2_a", [512, 16]),
        ("hada_w2_b", [16, 512]),
      ]),
    Growth(
      name: "LoCon with a core", memory: "32MB",
      parts: [
        ("lora_mid.weight", [16, 16, 8, 8]), ("lora_down.weight", [16, 512, 1, 1]),
        ("lora_up.weight", [512, 16, 1, 1]),
      ]),
    Growth(
      name: "QALoRA", memory: "16MB",
      parts: [("lora_A.weight", [64, 64]), ("lora_B.weight", [64, 64])],
      configuration: [
        "peft_type": "LORA", "r": 64, "lora_alpha": 8, "use_qalora": true,
        "qalora_group_size": 64,
      ]),
    Growth(
      name: "BD-LoRA", memory: "16MB",
      parts: [("lora_A.weight", [64, 64]), ("lora_B.weight", [64, 64])],
      configuration: [
        "peft_type": "LORA", "r": 64, "lora_alpha": 8,
        "use_bdlora": [
          "target_modules_bd_a": ["q_proj"], "target_modules_bd_b": [], "nblocks": 64,
        ],
      ]),
  ]

  /// A few megabytes whose modules fit one by one are refused before any is made.
  @Test(arguments: growths) func productsOfAllModulesAreCountedFirst(growth: Growth) throws {
    try withTemporaryDirectory { folder in
      var tensors: [(name: String, shape: [Int])] = []
      for layer in 0..<24 {
        let module =
          growth.configuration == nil
          ? "lycoris_layers_\(layer)_self_attn_q_proj"
          : "base_model.model.model.layers.\(layer).self_attn.q_proj"
        tensors += growth.parts.map { ("\(module).\($0.0)", $0.1) }
      }
      var settings = growth.configuration?.objectValue
      settings?["target_modules"] = ["q_proj"]
      let adapter = LooseAdapter(
        tensors: tensors, configuration: settings.map { .object($0) },
        fileName: "adapter_model.safetensors")
      try adapter.write(to: folder)
      let start = ContinuousClock.now
      let outcome = try Tool.run(
        ["inspect", folder, "--memory", growth.memory], limits: "ulimit -v 450000")
      #expect(ContinuousClock.now - start < .seconds(5))
      #expect(outcome.status == 71 && outcome.errorLines.count == 1, "\(outcome.errors)")
      #expect(outcome.errors.contains("MEM-BUDGET"), "\(outcome.errors)")
      #expect(outcome.errors.contains("adapter_model.safetensors"), "\(outcome.errors)")
      #expect(outcome.errors.contains("24 modules grow to"), "\(outcome.errors)")
    }
  }

  /// A shard of an adapter is no checkpoint.
  @Test func aShardOfAnAdapterIsSaidToBeOne() throws {
    try withTemporaryDirectory { folder in
      let name = "adapter_model-00001-of-00002.safetensors"
      let module = "base_model.model.model.layers.0.self_attn.q_proj"
      try LooseAdapter(
        tensors: [("\(module).lora_A.weight", [2, 4]), ("\(module).lora_B.weight", [4, 2])],
        fileName: name
      ).write(to: folder)
      let outcome = try Tool.run(["inspect", Paths.join(folder, name)])
      #expect(outcome.status == 65 && outcome.errors.contains("one of 2 shards"))
      #expect(outcome.errors.hasSuffix("AD-FORMAT\n"), "\(outcome.errors)")
    }
  }

  @Test func theBudgetHoldsForArtifacts() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "a.loraxs")
      #expect(try convert(to: path).status == 0)
      #expect(try Tool.run(["inspect", path, "--memory", "1MB"]).status == 0)
      let outcome = try Tool.run(["inspect", path, "--memory", "2KB"])
      #expect(outcome.status == 71 && outcome.errors.contains("MEM-BUDGET"), "\(outcome.errors)")
    }
  }

  /// Nothing that a file says reaches a terminal as a command to it.
  @Test func namesOfFilesAreNotObeyed() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "a.loraxs")
      #expect(try convert(to: path).status == 0)
      let hostile = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\nx"
      let changed = Paths.join(folder, "b.loraxs")
      try rewrite(path, to: changed) { about in
        var base = about["base"]?.objectValue ?? JSONObject()
        base["architecture"] = .string(hostile)
        base["name"] = .string(hostile)
        about["base"] = .object(base)
        about[hostile] = .string(hostile)
        about["createdBy"] = .string(hostile)
      }
      for arguments in [["inspect", changed], ["inspect", changed, "--json"]] {
        let outcome = try Tool.run(arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let bad = outcome.output.unicodeScalars.filter {
          $0 != "\n"
            && ($0.properties.generalCategory == .control
              || $0.properties.generalCategory == .format)
        }
        #expect(bad.isEmpty, "\(bad.map(\.value))")
        #expect(!outcome.output.contains("\nx"))
        if arguments.count == 3 {
          let value = try JSONValue.parse(outcome.output)
          #expect(value["architecture"]?.stringValue == hostile)
        }
      }
    }
  }

  /// All singular values alike, or none but zero: no direction is better than another.
  @Test(arguments: [Float(0), 1]) func weightsWithoutDirectionsAreNamed(diagonal: Float) throws {
    try TinyLlama.withCopy { model in
      let path = Paths.join(model, "model.safetensors")
      let file = try SafeTensorsFile.open(path)
      var writer = SafeTensorsWriter(metadata: [(key: "format", value: "pt")])
      let name = "model.layers.0.self_attn.q_proj"
      for tensor in file.tensors {
        var values = try file.floats(of: tensor)
        if tensor.name == name + ".weight" {
          for index in values.indices {
            values[index] = index % (tensor.shape[1] + 1) == 0 ? diagonal : 0
          }
        }
        try writer.add(tensor.name, dtype: .f32, shape: tensor.shape, floats: values)
      }
      try writer.write(to: path)
      let outcome = try Tool.run(
        [
          "convert", "--base", model, "--adapter", tinyAdapter, "--rank", "3", "-o",
          Paths.parent(of: model) + "/o.loraxs", "--quiet",
        ], cache: Paths.parent(of: model) + "/cache")
      #expect(outcome.status == 69 || outcome.status == 64, "\(outcome.errors)")
      #expect(outcome.errors.contains("\(model): tensor \"\(name)\""), "\(outcome.errors)")
      #expect(outcome.errors.contains("--directions own"))
    }
  }

  @Test func aSocketAndAnEmptyCacheAreRefused() throws {
    #expect(
      try Tool.run(["inspect", tinyAdapter, "--cache-dir", ""]).errors.contains(
        "--cache-dir is empty"))
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "s")
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) {
        $0.copyBytes(from: Array(path.utf8).prefix(100))
      }
      let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      #expect(status == 0)
      let outcome = try Tool.run(["inspect", path])
      #expect(outcome.status == 65 && outcome.errors.contains("PATH"), "\(outcome.errors)")
      close(descriptor)
    }
  }

  @Test func aLockThatIsALinkIsRefused() throws {
    try withTemporaryDirectory { folder in
      let victim = Paths.join(folder, "victim")
      try AtomicFile.write(victim, text: "precious")
      let output = Paths.join(folder, "o.loraxs")
      try FileManager.default.createSymbolicLink(
        atPath: output + ".lock", withDestinationPath: victim)
      let outcome = try convert(to: output)
      #expect(outcome.status == 73 && outcome.errors.contains(": LOCK"), "\(outcome.errors)")
      #expect(try InputFile(victim).readAll(limit: 100) == Array("precious".utf8))
    }
  }

  /// Every option that takes a whole number, with none that is too large for what is done with it.
  @Test(arguments: [
    "--batch-size", "--steps", "--checkpoint-every", "--warmup", "--quantized-steps",
    "--self-texts",
    "--self-length", "--calibrate-limit", "--eval-limit", "--candidates", "--threads", "--rank",
    "--residual", "--seed",
  ])
  func countsHaveBounds(option: String) throws {
    let values = ["9223372036854775807", "9223372036854775808", "4294967296000", "-1"]
    for value in values
    where option != "--seed" || !value.hasPrefix("9223372036854775") && value != "4294967296000" {
      var arguments = [
        "tune", "--base", "a", "--adapter", "b", "-o", "c", "--train", "d", option, value,
      ]
      if option != "--rank" { arguments += ["--rank", "4"] }
      let outcome = try Tool.run(arguments)
      #expect(outcome.status == 64, "\(option) \(value): \(outcome.errors)")
      #expect(outcome.errorLines.count == 1)
    }
  }

  @Test(arguments: [
    ["evaluate", "--base", "a", "--data", "d", "--adapter", "b", "--limit"],
    ["bases", "--base", "a", "--rank"], ["inspect", "a", "--threads"],
  ])
  func countsOfOtherCommandsHaveBounds(command: [String]) throws {
    for value in ["9223372036854775807", "1000000000007", "0", "-1"] {
      #expect(try Tool.run(command + [value]).status == 64, "\(command) \(value)")
    }
  }

  @Test(arguments: [
    "rank: 4000000000", "candidates: 4000000000", "calibrate: {data: d, limit: 4000000000}",
    "self: {texts: 4000000000}", "self: {length: 4000000000}",
    "tune: {data: d, steps: 4000000000}", "tune: {data: d, batch_size: 4000000000}",
    "tune: {data: d, warmup: 4000000000}", "tune: {data: d, limit: 4000000000}",
    "evaluate: {data: d, limit: 4000000000}",
  ])
  func countsOfManifestsHaveBounds(field: String) throws {
    try withTemporaryDirectory { folder in
      let rank = field.hasPrefix("rank") ? "" : "rank: 4, "
      let text = """
        schema: xspress.manifest/1
        bases:
          tiny: {path: \(tinyModel)}
        defaults: {\(rank)\(field)}
        adapters:
          - {path: \(tinyAdapter), name: one}

        """
      try AtomicFile.write("\(folder)/m.yaml", text: text)
      let outcome = try Tool.run(["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--dry-run"])
      #expect([64, 65].contains(outcome.status), "\(field): \(outcome.output) \(outcome.errors)")
    }
  }
}
