import Faults
import Files
import Foundation
import TestSupport
import Testing

@Suite struct PathsTests {
  @Test(arguments: [
    ("a/b", "a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("a/b/", "a", "b"), ("a//b", "a", "b"),
    ("/", "/", ""),
  ])
  func partsOfAPath(path: String, parent: String, name: String) {
    #expect(Paths.parent(of: path) == parent)
    #expect(Paths.name(of: path) == name)
  }

  @Test func joins() {
    #expect(Paths.join("a", "b") == "a/b")
    #expect(Paths.join("a/", "b") == "a/b")
    #expect(Paths.join("", "b") == "b")
    #expect(Paths.join("a", "/b") == "/b")
  }

  @Test(arguments: ["model.safetensors", "a b", "é", "-x", String(repeating: "n", count: 255)])
  func plainNames(name: String) { #expect(Paths.isPlainFileName(name)) }

  @Test(arguments: [
    "", ".", "..", "a/b", "../x", "/abs", "a\\b", "a\0b", "a\nb", "a\u{7f}",
    String(repeating: "n", count: 256),
  ])
  func otherNames(name: String) { #expect(!Paths.isPlainFileName(name)) }

  @Test func directories() throws {
    try withTemporaryDirectory { (folder) throws in
      let deep = Paths.join(folder, "a/b/c")
      try Paths.makeDirectory(deep)
      try Paths.makeDirectory(deep)
      #expect(Paths.kind(of: deep) == .directory)
      try AtomicFile.write(Paths.join(deep, "z"), text: "")
      try AtomicFile.write(Paths.join(deep, "y"), text: "")
      #expect(try Paths.entries(of: deep) == ["y", "z"])
      #expect(fault { () throws(Fault) in try Paths.entries(of: deep, limit: 1) }?.code == "PATH")
      #expect(
        fault { () throws(Fault) in try Paths.makeDirectory(Paths.join(deep, "z/d")) }?.kind
          == .cannotCreate)
      #expect(
        fault { () throws(Fault) in try Paths.entries(of: Paths.join(deep, "z")) }?.kind
          == .missingInput)
      #expect(Paths.freeBytes(at: deep) != nil)
    }
  }

  @Test func lockIsExclusiveAndNamesItsHolder() throws {
    try withTemporaryDirectory { (folder) throws in
      var lock: OutputLock? = try OutputLock(folder)
      #expect(lock != nil)
      let found = fault { () throws(Fault) in try OutputLock(folder) }
      #expect(found?.exitCode == 75)
      #expect(found?.code == "LOCK-HELD")
      #expect(found?.reason.contains("process \(getpid())") == true)
      lock = nil
      #expect(fault { () throws(Fault) in try OutputLock(folder) } == nil)
      // A file's lock lies beside it and goes with it.
      let file = Paths.join(folder, "out")
      var second: OutputLock? = try OutputLock(file: file)
      #expect(second != nil && Paths.kind(of: file + ".lock") == .file)
      #expect(fault { () throws(Fault) in try OutputLock(file: file) }?.code == "LOCK-HELD")
      second = nil
      #expect(Paths.kind(of: file + ".lock") == .missing)
    }
  }
}
