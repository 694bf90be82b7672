import Checkpoints
import Faults
import Foundation
import TestSupport
import Testing

/// Models split over several GGUF files (`formats/gguf.md` §9).
@Suite struct GGUFSplitTests {
  /// Writes the tiny model in three parts, each passed through `change`, and opens the first.
  private func withSplit<R>(
    _ change: (inout [GGUFBuilder]) -> Void = { _ in }, _ body: (BaseCheckpoint) throws -> R
  ) throws -> R {
    let whole = try TinyLlama.gguf()
    var parts: [GGUFBuilder] = []
    for number in 0..<3 {
      var part = GGUFBuilder()
      if number == 0 { part.entries = whole.entries }
      part.add("split.no", raw: 2, [UInt8(number), 0])
      part.add("split.count", raw: 2, [3, 0])
      part.add("split.tensors.count", raw: 5, [UInt8(whole.tensors.count), 0, 0, 0])
      // The first part may hold metadata alone.
      if number > 0 {
        part.tensors = whole.tensors.enumerated().filter { $0.offset % 2 == number - 1 }.map(
          \.element)
      }
      parts.append(part)
    }
    change(&parts)
    return try withTemporaryDirectory { folder in
      for (number, part) in parts.enumerated() {
        let name = "/tiny-0000\(number + 1)-of-00003.gguf"
        try Data(part.bytes()).write(to: URL(fileURLWithPath: folder + name))
      }
      return try body(try BaseCheckpoint.open(folder + "/tiny-00001-of-00003.gguf"))
    }
  }

  @Test func readsAllParts() throws {
    let folder = try BaseCheckpoint.open(TinyLlama.folder)
    try withSplit { split in
      for tensor in folder.tensors {
        let a = try folder.digest(tensor.name)
        let b = try split.digest(tensor.name)
        #expect(a == b)
      }
    }
  }

  @Test(arguments: ["missing", "order", "count", "twice", "total"])
  func refuses(_ defect: String) throws {
    let found = fault {
      try withSplit({ parts in
        switch defect {
        case "missing": parts.removeLast()
        case "order": parts.swapAt(1, 2)
        case "count": parts[1].set("split.count") { $0.add("split.count", raw: 2, [4, 0]) }
        case "twice": parts[2].tensors.append(parts[1].tensors[0])
        default:
          parts[0].set("split.tensors.count") { $0.add("split.tensors.count", u32: 99) }
        }
      }) { _ in }
    }
    #expect(found?.code == "GG-SPLIT" && found?.kind == .badData, "\(String(describing: found))")
  }

  @Test func refusesALaterPart() throws {
    try withTemporaryDirectory { folder in
      var part = GGUFBuilder.small()
      part.add("split.no", raw: 2, [1, 0])
      part.add("split.count", raw: 2, [2, 0])
      let path = folder + "/x-00002-of-00002.gguf"
      try Data(part.bytes()).write(to: URL(fileURLWithPath: path))
      #expect(fault { _ = try Checkpoint.open(path) }?.code == "GG-SPLIT")
    }
  }
}
