import Checkpoints
import Faults
import Files
import TestSupport
import Testing

/// Eight-bit floating point against PyTorch, bit for bit (golden/eight_bit/weights).
@Suite struct EightBitFloatTests {
  private static let folder = "golden/eight_bit/weights"

  @Test(arguments: ["e4m3", "e5m2"], ["block", "tensor", "rows"])
  func decodesAsTheReference(form: String, scales: String) throws {
    let stored = try Checkpoint.open(Checkout.path("\(Self.folder)/model.safetensors"))
    let expected = try Checkpoint.open(Checkout.path("\(Self.folder)/expected.safetensors"))
    let name = "\(form).\(scales).weight"
    #expect(
      try stored.floats(name).map(\.bitPattern) == expected.floats(name).map(\.bitPattern))
  }

  /// The forms of compressed-tensors, against that library.
  @Test(arguments: ["block", "group"]) func decodesCompressedTensors(strategy: String) throws {
    let folder = "golden/eight_bit/\(strategy)"
    let stored = try Checkpoint.open(Checkout.path("\(folder)/model.safetensors"))
    let expected = try Checkpoint.open(Checkout.path("\(folder)/expected.safetensors"))
    #expect(
      try stored.floats("x.weight").map(\.bitPattern)
        == expected.floats("x.weight").map(\.bitPattern))
  }

  /// Groups of modules with blocks of their own: which is this module's is not asked.
  @Test func schemesThatDifferAreRefused() throws {
    try withTemporaryDirectory { folder in
      let source = Checkout.path("golden/eight_bit/block")
      for name in ["model.safetensors", "config.json"] {
        var bytes = try InputFile(Paths.join(source, name)).readAll(limit: 1 << 20)
        if name == "config.json" {
          let text = String(decoding: bytes, as: UTF8.self)
          let other =
            #""config_groups": {"a": {"weights": {"strategy": "group", "group_size": 5}}, "#
          bytes = Array(text.replacing(#""config_groups": {"#, with: other).utf8)
        }
        try AtomicFile.write(Paths.join(folder, name), bytes: bytes)
      }
      let stored = try Checkpoint.open(Paths.join(folder, "model.safetensors"))
      let found = fault { _ = try stored.floats("x.weight") }
      #expect(found?.code == "CFG-UNSUPPORTED" && found?.kind == .unsupported)
    }
  }

  /// One value is the tensor's, whichever name it has.
  @Test(arguments: ["weight_scale", "weight_scale_inv"]) func oneScale(suffix: String) throws {
    typealias B = SafeTensorsBytes
    let codes = B.entry("x.weight", dtype: "\"F8_E4M3\"", shape: "[1,2]", offsets: "[0,2]")
    let scale = B.entry("x.\(suffix)", shape: "[]", offsets: "[2,6]")
    let bytes = B.file("{\(codes),\(scale)}", data: [0x38, 0xc0, 0, 0, 0, 0x3f])
    try withCheckpoint(bytes, named: "m.safetensors") { checkpoint in
      try expect(checkpoint, "x.weight", [0.5, -1])
    }
  }

  @Test func codesWithoutTheirScalesAreRefused() throws {
    let stored = try Checkpoint.open(Checkout.path("\(Self.folder)/model.safetensors"))
    #expect { try stored.floats("bare.weight") } throws: {
      let fault = $0 as? Fault
      return fault?.code == "HF-SCALE" && fault?.kind == .unsupported
        && fault?.tensor == "bare.weight"
    }
    #expect { try stored.floats("misfit.weight") } throws: {
      let fault = $0 as? Fault
      return fault?.code == "HF-SCALE" && fault?.kind == .badData
    }
  }

  /// Without a block size in the configuration blocks are 128 by 128, which these scales do not fit.
  @Test func scalesOfAnotherBlockAreRefused() throws {
    try withTemporaryDirectory { folder in
      let bytes = try InputFile(Checkout.path("\(Self.folder)/model.safetensors"))
        .readAll(limit: 1 << 24)
      let path = Paths.join(folder, "model.safetensors")
      try AtomicFile.write(path, bytes: bytes)
      let stored = try Checkpoint.open(path)
      #expect { try stored.floats("e4m3.block.weight") } throws: {
        ($0 as? Fault)?.reason.contains("need [1, 1]") == true
      }
    }
  }

  /// A code that stands for NaN is damage, with scales as without.
  @Test(arguments: [
    ("F8_E4M3", UInt8(0x7f)), ("F8_E4M3", 0xff), ("F8_E5M2", 0x7d), ("F8_E5M2", 0x7c),
  ])
  func codesWithoutAFiniteValueAreRefused(dtype: String, code: UInt8) throws {
    typealias B = SafeTensorsBytes
    let codes = B.entry("x.weight", dtype: "\"\(dtype)\"", shape: "[1,2]", offsets: "[0,2]")
    let scale = B.entry("x.weight_scale", shape: "[1]", offsets: "[2,6]")
    let bytes = B.file("{\(codes),\(scale)}", data: [0x38, code, 0, 0, 0x80, 0x3f])
    try withCheckpoint(bytes, named: "m.safetensors") { checkpoint in
      let found = fault { _ = try checkpoint.floats("x.weight") }
      #expect(found?.code == "VAL-NAN" && found?.reason.contains("element 1") == true)
    }
  }
}
