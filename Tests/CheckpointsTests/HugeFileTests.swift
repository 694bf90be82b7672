import Checkpoints
import Faults
import Foundation
import TestSupport
import Testing

/// Files whose numbers are true and too large, made of holes.
@Suite struct HugeFileTests {
  /// What opening a file of `bytes` and then zeros is refused with, and reading its tensor `name`.
  private func refusal(
    _ bytes: [UInt8], byteCount: Int, reading name: String? = nil
  ) throws -> Fault? {
    try withTemporaryDirectory { folder in
      let path = folder + "/a.gguf"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try file.truncate(atOffset: UInt64(byteCount))
      try file.close()
      let found = fault {
        let checkpoint = try Checkpoint.open(path)
        if let name { _ = try checkpoint.floats(name) }
      }
      #expect(found?.path == path, "\(found?.line ?? "read")")
      return found
    }
  }

  @Test func countsHaveLimits() throws {
    for (tensors, entries) in [(UInt64(1 << 20 + 1), UInt64(0)), (0, 1 << 16 + 1)] {
      var file = GGUFBuilder()
      (file.tensorCount, file.entryCount) = (tensors, entries)
      let found = try refusal(file.bytes(), byteCount: 32 << 20)
      #expect(found?.code == "GG-COUNT" && found?.exitCode == 69, "\(found?.line ?? "read")")
      #expect(found?.reason.contains("over the limit") == true)
    }
  }

  @Test func textsHaveALimit() throws {
    var file = GGUFBuilder()
    file.add("a.text", raw: 8, GGUFBuilder.little(UInt64(1 << 24 + 1)))
    let found = try refusal(file.bytes(), byteCount: 32 << 20)
    #expect(found?.code == "GG-STR" && found?.exitCode == 69, "\(found?.line ?? "read")")
    #expect(found?.reason.hasPrefix("a.text") == true)
  }

  /// A tensor of one bit a value, of more values than the machine has memory for.
  @Test func tensorsFitInMemory() throws {
    let rows = ProcessInfo.processInfo.physicalMemory / 4 / 128 + 1
    var file = GGUFBuilder()
    file.add("general.architecture", string: "other")
    file.add("w", shape: [Int(rows), 128], type: 41, data: [])
    let header = file.bytes()
    let found = try refusal(header, byteCount: header.count + Int(rows) * 18 + 32, reading: "w")
    #expect(found?.code == "MEM-TENSOR" && found?.exitCode == 71, "\(found?.line ?? "read")")
    #expect(found?.tensor == "w")
  }
}
