import Checkpoints
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing
import Tokenizers

/// The annotated bytes of the pages in `formats/` are files that the readers read as the pages say.
@Suite struct PageExampleTests {
  /// The bytes of the dump in the section called Example of a page: lines of an address, two blanks, hex bytes
  /// (`00 x 14` for fourteen of them), four blanks, a note.
  private func example(_ page: String) throws -> [UInt8] {
    let lines = try text(page).split(separator: "\n")
    let section = lines.drop { !$0.hasPrefix("## ") || !$0.hasSuffix(". Example") }.dropFirst()
    var bytes: [UInt8] = []
    for line in section.prefix(while: { !$0.hasPrefix("## ") }) {
      guard let match = line.wholeMatch(of: /([0-9a-f]{4})  ([0-9a-f x]+?)(?:  {3,}.*)?/) else {
        continue
      }
      #expect(Int(match.1, radix: 16) == bytes.count, "\(page): \(line)")
      let words = match.2.split(separator: " ")
      if words.count == 3, words[1] == "x", let count = Int(words[2]) {
        bytes += [UInt8](repeating: try #require(UInt8(words[0], radix: 16)), count: count)
      } else {
        bytes += try words.map { try #require(UInt8($0, radix: 16), "\(page): \(line)") }
      }
    }
    return bytes
  }

  private func text(_ page: String) throws -> String {
    String(
      decoding: try InputFile(Checkout.path("formats/\(page)")).readAll(limit: 1 << 20),
      as: UTF8.self)
  }

  /// Reading the library's file and writing it again gives the same bytes.
  @Test func safetensors() throws {
    let bytes = try example("safetensors.md")
    #expect(bytes.count == 0xa2)
    let file = try SafeTensorsFile(bytes: bytes)
    #expect(file.metadata["format"] == "pt")
    #expect(try file.floats(of: file.tensor("w")) == [1, -2])
    #expect(try file.floats(of: file.tensor("h")) == [0.5])
    var writer = SafeTensorsWriter(metadata: [(key: "format", value: "pt")])
    try writer.add("h", dtype: .bf16, shape: [1], floats: [0.5])
    try writer.add("w", shape: [1, 2], floats: [1, -2])
    #expect(try writer.bytes() == bytes)
  }

  @Test func gguf() throws {
    let bytes = try example("gguf.md")
    #expect(bytes.count == 0x68)
    try withFile(bytes) { path in
      let checkpoint = try Checkpoint.open(path)
      #expect(checkpoint.tensors.map(\.byteOffset) == [0x60])
      #expect(checkpoint.tensors.map(\.shape) == [[1, 2]])
      #expect(checkpoint.metadata == ["a": 7])
      #expect(try checkpoint.floats("w") == [1, 2])
    }
  }

  @Test func huggingFace() throws {
    let bytes = try example("hf.md")
    try withTemporaryDirectory { folder in
      typealias B = SafeTensorsBytes
      let codes = B.entry(
        "x.weight", dtype: "\"F8_E4M3\"", shape: "[2,4]", offsets: "[0,8]")
      let scales = B.entry("x.weight_scale_inv", shape: "[1,2]", offsets: "[8,16]")
      let path = Paths.join(folder, "model.safetensors")
      try AtomicFile.write(path, bytes: B.file("{\(codes),\(scales)}", data: bytes))
      try AtomicFile.write(
        Paths.join(folder, "config.json"),
        text: #"{"quantization_config":{"quant_method":"fp8","weight_block_size":[2,2]}}"#)
      let values = try Checkpoint.open(path).floats("x.weight")
      #expect(values == [0.5, -0.75, 896, 0x1p-8, 0.125, 1.5, -0.0, 4])
      #expect(values[6].sign == .minus)
    }
    let line = try #require(
      try text("hf.md").split(separator: "\n").first { $0.contains("weight_map\":") })
    try withTemporaryDirectory { folder in
      for (name, part) in [("a", "1"), ("b", "2")] {
        var writer = SafeTensorsWriter()
        try writer.add(name, shape: [1], floats: [1])
        try writer.write(to: Paths.join(folder, "model-0000\(part)-of-00002.safetensors"))
      }
      try AtomicFile.write(Paths.join(folder, "config.json"), text: "{}")
      try AtomicFile.write(
        Paths.join(folder, "model.safetensors.index.json"), text: String(line))
      #expect(try Checkpoint.open(folder).tensors.map(\.name) == ["a", "b"])
    }
  }

  /// The program that torch.save wrote, in an archive of one storage.
  @Test func torch() throws {
    let program = try example("torch.md")
    let storage: [UInt8] = [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]
    let archive = TorchBuilder(program: program, storages: [("0", storage)]).bytes()
    try withFile(archive, named: "adapter_model.bin") { path in
      let file = try TorchFile(file: try InputFile(path))
      #expect(file.tensors.map(\.name) == ["w"] && file.tensors[0].shape == [1, 2])
      #expect(try file.floats(of: file.tensors[0]) == [1, 2])
    }
  }

  /// The entries of the page as the metadata of a file without tensors.
  @Test func tokenizers() throws {
    var builder = GGUFBuilder()
    builder.entryCount = 4
    var bytes = builder.bytes().prefix(24) + (try example("tokenizers.md"))
    bytes += [UInt8](repeating: 0, count: 32 - bytes.count % 32)
    try withFile(Array(bytes)) { path in
      let tokenizer = try Tokenizer(checkpoint: Checkpoint.open(path))
      #expect(tokenizer.encode("ab a") == [2, 3, 0])
    }
  }
}
