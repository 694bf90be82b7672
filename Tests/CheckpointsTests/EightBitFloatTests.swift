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
}
