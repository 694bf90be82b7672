import Faults
import Files
import Foundation
import TestSupport
import Testing

@Suite struct OutputPlaceTests {
  @Test func outputInsideAnInputIsRefused() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/adapter/deep")
      try Paths.makeDirectory("\(folder)/adapter-2")
      for output in ["adapter", "adapter/", "adapter/new/run", "adapter/deep/../x", "adapter/deep"]
      {
        let fault = try #require(throws: Fault.self) {
          try OutputPlace.check("\(folder)/\(output)", against: ["\(folder)/adapter"])
        }
        #expect(fault.code == "OUT-IN" && fault.kind == .usage)
      }
      for output in ["run", "adapter-2", "adapter-3/x"] {
        try OutputPlace.check("\(folder)/\(output)", against: ["\(folder)/adapter"])
      }
    }
  }

  private func refusal(_ body: () throws(Fault) -> Void) -> String? {
    let found = fault(body)
    #expect(found == nil || found?.exitCode == 73 && found?.path != nil)
    return found?.code
  }

  @Test func aFolderIsThere() throws {
    try withTemporaryDirectory { folder in
      try AtomicFile.write("\(folder)/file", text: "x")
      for (output, code) in [
        ("new", nil), ("none/new", "OUT-CREATE"), ("file/new", "OUT-CREATE"),
      ] as [(String, String?)] {
        #expect(
          refusal { () throws(Fault) in try OutputPlace.checkFolder(of: "\(folder)/\(output)") }
            == code)
      }
    }
  }

  @Test(.enabled(if: getuid() != 0, "root writes into any folder"))
  func aFolderMayBeWrittenTo() throws {
    try withTemporaryDirectory { folder in
      try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder)
      #expect(
        refusal { () throws(Fault) in try OutputPlace.checkFolder(of: "\(folder)/new") }
          == "OUT-CREATE")
    }
  }

  /// What an earlier run left is written to again, what is anybody's is not.
  @Test func otherFoldersAreKept() throws {
    try withTemporaryDirectory { folder in
      func code(_ name: String, force: Bool = false) -> String? {
        refusal { () throws(Fault) in
          try OutputPlace.checkDirectory("\(folder)/\(name)", marker: "run.json", force: force)
        }
      }
      for name in ["empty", "begun", "run", "full"] { try Paths.makeDirectory("\(folder)/\(name)") }
      for file in ["begun/.xspress.lock", "run/run.json", "run/x", "full/x", "file"] {
        try AtomicFile.write("\(folder)/\(file)", text: "x")
      }
      for name in ["new", "empty", "begun", "run"] { #expect(code(name) == nil, "\(name)") }
      for name in ["full", "file"] {
        #expect(code(name) == "OUT-EXISTS", "\(name)")
        #expect(code(name, force: true) == nil)
      }
    }
  }
}
