import Checkpoints
import Faults
import Foundation
import TestSupport
import Testing

/// Opens `bytes` as a checkpoint and returns what `body` makes of it.
func withCheckpoint<R>(
  _ bytes: [UInt8], named name: String = "file.gguf", _ body: (Checkpoint) throws -> R
) throws -> R {
  try withTemporaryDirectory { folder in
    let path = folder + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try body(try Checkpoint.open(path))
  }
}

/// The fault that `body` throws; nil when it throws none.
func fault(_ body: () throws -> Void) -> Fault? {
  do {
    try body()
    return nil
  } catch {
    return error as? Fault
  }
}

/// Expects the values of one tensor.
func expect(
  _ checkpoint: Checkpoint, _ name: String, _ values: [Float],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let found = try checkpoint.floats(name)
  #expect(found == values, sourceLocation: sourceLocation)
}
