import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// `formats/torch.md`: what is read, and that nothing of a hostile file is run, followed or allocated.
@Suite struct TorchFileTests {
  private static let values: [Float] = [1, 2, 3, 4, 5, 6]
  private static let storage: [UInt8] = values.flatMap { TorchBuilder.little($0.bitPattern) }

  private func builder(_ program: [UInt8]) -> TorchBuilder {
    TorchBuilder(program: program, storages: [("0", Self.storage)])
  }

  private func open(_ bytes: [UInt8]) throws -> Result<[Float], Fault> {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "adapter_model.bin")
      // Not synchronised: thousands of these are written.
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      do throws(Fault) {
        let file = try TorchFile(file: try InputFile(path))
        return .success(try file.floats(of: file.tensors[0]))
      } catch {
        #expect(error.path == path)
        return .failure(error)
      }
    }
  }

  private func refusal(_ bytes: [UInt8]) throws -> Fault? {
    if case .failure(let fault) = try open(bytes) { return fault }
    return nil
  }

  // MARK: - Read

  @Test func contiguousTransposedAndOffsetViews() throws {
    #expect(try open(builder(TorchBuilder.program()).bytes()).get() == Self.values)
    let transposed = TorchBuilder.program(shape: [3, 2], strides: [1, 3])
    #expect(try open(builder(transposed).bytes()).get() == [1, 4, 2, 5, 3, 6])
    let part = TorchBuilder.program(offset: 2, shape: [2, 1], strides: [3, 1])
    #expect(try open(builder(part).bytes()).get() == [3, 6])
    // An axis of one element may have any stride.
    let odd = TorchBuilder.program(offset: 5, shape: [1, 1], strides: [Int.max, Int.max])
    #expect(try open(builder(odd).bytes()).get() == [6])
    let empty = TorchBuilder.program(offset: 6, shape: [0, 3], strides: [3, 1])
    #expect(try open(builder(empty).bytes()).get() == [])
  }

  @Test func zip64IsRead() throws {
    var file = builder(TorchBuilder.program())
    file.isZip64 = true
    #expect(try open(file.bytes()).get() == Self.values)
  }

  @Test func commentsAfterTheEndRecordAreSkipped() throws {
    var bytes = builder(TorchBuilder.program()).bytes()
    bytes[bytes.count - 2] = 3
    #expect(try open(bytes + [1, 2, 3]).get() == Self.values)
  }

  // MARK: - Programs

  @Test(arguments: [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "Popen"),
    ("torch", "load"), ("torch._utils", "_rebuild_tensor_v3"), ("numpy.core.multiarray", "scalar"),
    ("torch.storage", "_load_from_bytes"), ("collections", "defaultdict"),
  ])
  func otherGlobalsAreNamedAndNotRun(module: String, name: String) throws {
    let call =
      [0x80, 2] + TorchBuilder.global(module, name) + Array("(".utf8) + TorchBuilder.text("id")
      + Array("tR.".utf8)
    let found = try refusal(builder(call).bytes())
    #expect(found?.code == "PT-GLOBAL")
    #expect(found?.exitCode == 69)
    #expect(found?.reason.contains("\(module).\(name)") == true)
    // The same by protocol 4.
    let stacked =
      [0x80, 4, 0x8c, UInt8(module.utf8.count)] + Array(module.utf8)
      + [0x8c, UInt8(name.utf8.count)] + Array(name.utf8) + [0x93] + Array(")R.".utf8)
    #expect(try refusal(builder(stacked).bytes())?.code == "PT-GLOBAL")
  }

  static let programs: [(name: String, program: [UInt8], exitCode: Int32)] = [
    ("empty", [], 65), ("only stop", Array(".".utf8), 65), ("no end", [0x80, 2], 65),
    ("protocol 9", [0x80, 9], 69), ("not a dict", [0x80, 2] + Array("N.".utf8), 69),
    ("values left", [0x80, 2] + Array("NN.".utf8), 65),
    ("memo not set", [0x80, 2] + Array("h".utf8) + [7], 65),
    ("items without dict", [0x80, 2] + Array("(NNu.".utf8), 65),
    ("odd items", [0x80, 2] + Array("}(Nu.".utf8), 65),
    ("no mark", [0x80, 2] + Array("}NNu.".utf8), 65),
    ("text beyond the end", [0x80, 2] + Array("X".utf8) + [255, 255, 255, 255], 65),
    ("text not UTF-8", [0x80, 2] + Array("X".utf8) + [1, 0, 0, 0, 0xff], 65),
    ("an integer of 200 bytes", [0x80, 2, 0x8a, 200] + [UInt8](repeating: 1, count: 200), 69),
    ("INST", [0x80, 2] + Array("(ios\nsystem\n.".utf8), 69),
    ("OBJ", [0x80, 2] + Array("(o.".utf8), 69), ("NEWOBJ", [0x80, 2, 0x81], 69),
    ("EXT1", [0x80, 2, 0x82, 1], 69), ("PERSID", [0x80, 2] + Array("Pabc\n.".utf8), 69),
    ("DUP", [0x80, 2] + Array("}2.".utf8), 69), ("FLOAT", [0x80, 2] + Array("F1.0\n.".utf8), 69),
    ("list", [0x80, 2] + Array("].".utf8), 69),
    (
      "a call of a storage type",
      [0x80, 2] + TorchBuilder.global("torch", "FloatStorage") + Array(")R.".utf8), 69
    ),
    ("a call of text", [0x80, 2] + TorchBuilder.text("x") + Array(")R.".utf8), 69),
    (
      "state of a tuple",
      [0x80, 2] + Array(")}b.".utf8), 69
    ),
    ("a persistent id of text", [0x80, 2] + TorchBuilder.text("x") + Array("Q.".utf8), 65),
    (
      "tuples without end", [0x80, 2] + Array("N".utf8) + [UInt8](repeating: 0x85, count: 200_000),
      69
    ),
    ("a tall stack", [0x80, 2] + [UInt8](repeating: UInt8(ascii: "N"), count: 70_000), 69),
    // `d = {}; d[x] = d`, which would be a cycle.
    (
      "a dict inside itself",
      [0x80, 2] + Array("}q".utf8) + [0] + TorchBuilder.text("x") + Array("h".utf8) + [0]
        + Array("s.".utf8), 65
    ),
    // `d[x] = e; e[x] = …` after e became part of d.
    (
      "a dict changed in use",
      [0x80, 2] + Array("}".utf8) + TorchBuilder.text("x") + Array("}q".utf8) + [0]
        + Array("sh".utf8) + [0] + TorchBuilder.text("y") + Array("Ns".utf8), 65
    ),
  ]

  @Test(arguments: programs)
  func brokenProgramsEndInAMessage(name: String, program: [UInt8], exitCode: Int32) throws {
    let found = try refusal(builder(program).bytes())
    #expect(found?.code == "PT-PICKLE", "\(found?.reason ?? "read")")
    #expect(found?.exitCode == exitCode)
  }

  // MARK: - Tensors

  static let views: [(name: String, program: [UInt8])] = [
    ("offset beyond", TorchBuilder.program(offset: 6)),
    ("negative offset", TorchBuilder.program(offset: -1)),
    ("negative stride", TorchBuilder.program(strides: [-3, 1])),
    ("negative size", TorchBuilder.program(shape: [-2, 3])),
    ("size beyond", TorchBuilder.program(shape: [3, 3])),
    ("huge sizes", TorchBuilder.program(shape: [1 << 40, 1 << 40], strides: [1, 1])),
    ("huge stride", TorchBuilder.program(strides: [Int.max, Int.max])),
    ("one element repeated", TorchBuilder.program(shape: [1 << 20, 2], strides: [0, 0])),
    ("storage beyond its entry", TorchBuilder.program(count: 7)),
    ("huge storage", TorchBuilder.program(count: Int.max)),
    ("storage of another type", TorchBuilder.program(storageType: "DoubleStorage")),
  ]

  @Test(arguments: views) func viewsOutsideTheirStorage(name: String, program: [UInt8]) throws {
    let found = try refusal(builder(program).bytes())
    #expect(found?.code == "PT-TENSOR", "\(found?.reason ?? "read")")
    #expect(found?.exitCode == 65)
    #expect(found?.tensor == "w")
  }

  @Test func otherValuesAreNamed() throws {
    let text = [0x80, 2] + Array("}".utf8) + TorchBuilder.text("w") + Array("Ns.".utf8)
    let found = try refusal(builder(text).bytes())
    #expect(found?.code == "PT-TENSOR" && found?.tensor == "w")
    var missing = builder(TorchBuilder.program())
    missing.storages = []
    #expect(try refusal(missing.bytes())?.reason == "its storage is missing")
    var integers = builder(TorchBuilder.program(count: 3, storageType: "LongStorage"))
    integers.program = TorchBuilder.program(
      shape: [3], strides: [1], count: 3, storageType: "LongStorage")
    #expect(try refusal(integers.bytes())?.code == "ST-DTYPE")
    var infinite = builder(TorchBuilder.program())
    infinite.storages[0].bytes.replaceSubrange(
      20..<24, with: TorchBuilder.little(Float.infinity.bitPattern))
    #expect(try refusal(infinite.bytes())?.code == "VAL-NAN")
  }

  // MARK: - Archives

  @Test func everyTruncationIsRefused() throws {
    let bytes = builder(TorchBuilder.program()).bytes()
    for count in stride(from: 0, to: bytes.count, by: 7) {
      let found = try refusal(Array(bytes.prefix(count)))
      #expect(found?.code == "PT-ZIP", "\(count) of \(bytes.count)")
    }
  }

  /// One byte changed anywhere: refused or read, never a crash.
  @Test func everyFlippedByteIsRefusedOrRead() throws {
    var file = builder(TorchBuilder.program())
    file.isZip64 = true
    for bytes in [builder(TorchBuilder.program()).bytes(), file.bytes()] {
      var refused = 0
      for place in bytes.indices {
        var changed = bytes
        changed[place] ^= 0xff
        if try refusal(changed) != nil { refused += 1 }
      }
      #expect(refused > 100)
    }
  }

  /// The name in front of an entry, or its length, is not the directory's.
  @Test func everyEntryBearsItsName() throws {
    let bytes = builder(TorchBuilder.program()).bytes()
    let entry = try #require(
      bytes.indices.first { bytes[$0...].starts(with: "a/data/0".utf8) }, "no storage 0")
    for place in [entry - 4, entry, entry + 7] {
      var changed = bytes
      changed[place] ^= 1
      let found = try refusal(changed)
      #expect(found?.code == "PT-ZIP" && found?.exitCode == 65, "\(place - entry)")
    }
  }

  @Test func compressedEncryptedAndForeignArchives() throws {
    var deflated = builder(TorchBuilder.program())
    deflated.method = 8
    let found = try refusal(deflated.bytes())
    #expect(found?.code == "PT-ZIP" && found?.exitCode == 69)
    #expect(found?.reason.contains("compressed (method 8)") == true)
    var encrypted = builder(TorchBuilder.program())
    encrypted.flags = 1
    #expect(try refusal(encrypted.bytes())?.reason == "the entry is encrypted or a patch")
    var big = builder(TorchBuilder.program())
    big.byteOrder = "big"
    #expect(try refusal(big.bytes())?.reason.contains("byte order big") == true)
  }
}
