import Faults
import Files
import Foundation
import TestSupport
import Testing

/// Bytes on disk that nobody else sees.
@Suite struct ScratchFileTests {
  /// File systems that make files without a name, and those that do not.
  static let systems: [SystemCalls] = {
    var other = SystemCalls.posix
    other.open = { path, mode in
      if case .nameless = mode { return -EOPNOTSUPP }
      return SystemCalls.posix.open(path, mode)
    }
    return [.posix, other]
  }()

  @Test(arguments: [0, 1]) func piecesAreReadBackAndNothingIsSeen(system: Int) throws {
    try withTemporaryDirectory { folder in
      let scratch = try ScratchFile(in: folder, calls: Self.systems[system])
      let pieces = try [[1, 2, 3], [], [4, 5]].map { bytes in
        try (bytes as [UInt8]).withUnsafeBytes { try scratch.append($0) }
      }
      #expect(try Paths.entries(of: folder).isEmpty)
      var found = [UInt8](repeating: 0, count: 2)
      try found.withUnsafeMutableBytes { try scratch.read(pieces[2], into: $0) }
      #expect(found == [4, 5])
      try found.withUnsafeMutableBytes { try scratch.read(pieces[0], into: $0) }
      #expect(found == [1, 2])
    }
  }

  /// What cannot be removed has a name that the next run knows.
  @Test func aNameThatStaysIsRemovedLater() throws {
    try withTemporaryDirectory { folder in
      var calls = Self.systems[1]
      calls.unlink = { _ in -EIO }
      _ = try ScratchFile(in: folder, calls: calls)
      #expect(try Paths.entries(of: folder).count == 1)
      #expect(try AtomicFile.removeLeftovers(in: folder) == 1)
    }
  }

  @Test func aFolderThatIsMissingIsNamed() {
    let found = fault { () throws(Fault) in try ScratchFile(in: "/nowhere/at/all") }
    #expect(found?.code == "OUT-CREATE" && found?.path == "/nowhere/at/all")
  }
}
