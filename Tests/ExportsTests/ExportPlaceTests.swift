import Exports
import Faults
import Files
import Recipes
import TestSupport
import Testing

/// Where an export goes, by its target and by what `-o` looks like.
@Suite struct ExportPlaceTests {
  @Test(arguments: ExportTarget.allCases) func aFolderOrAFile(target: ExportTarget) throws {
    try withTemporaryDirectory { folder in
      let plain = ExportPlace(
        output: "\(folder)/out", target: target, artifact: "\(folder)/a.b.loraxs")
      #expect(plain.directory == "\(folder)/out" && !plain.isFile)
      guard let ending = target.fileExtension else {
        #expect(plain.file == nil)
        return
      }
      // A folder gets a file with the artifact's name.
      #expect(plain.file == "\(folder)/out/a.b.\(ending)")
      let file = ExportPlace(
        output: "\(folder)/out.\(ending)", target: target, artifact: "\(folder)/a.loraxs")
      #expect(file.isFile && file.file == "\(folder)/out.\(ending)" && file.directory == folder)
      // A folder that only looks like a file.
      try Paths.makeDirectory("\(folder)/there.\(ending)")
      let there = ExportPlace(
        output: "\(folder)/there.\(ending)", target: target, artifact: ".loraxs")
      #expect(!there.isFile && there.file == "\(folder)/there.\(ending)/adapter.\(ending)")
    }
  }

  @Test func whatIsThereIsNotOverwritten() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/full")
      try AtomicFile.write("\(folder)/full/x", text: "x")
      try Paths.makeDirectory("\(folder)/empty")
      func place(_ output: String) -> ExportPlace {
        ExportPlace(output: "\(folder)/\(output)", target: .peft, artifact: "a.loraxs")
      }
      let fault = try #require(throws: Fault.self) {
        try place("full").check(against: [], force: false)
      }
      #expect(fault.code == "OUT-EXISTS" && fault.exitCode == 73)
      try place("full").check(against: [], force: true)
      try place("empty").check(against: [], force: false)
      try place("new").check(against: [], force: false)
    }
  }

  /// Neither an input itself nor a folder that holds one.
  @Test func inputsAreNotOverwritten() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/base")
      try AtomicFile.write("\(folder)/base/model.gguf", text: "x")
      let inputs = ["\(folder)/base/model.gguf"]
      for (output, target) in [("base", ExportTarget.peft), ("base/model.gguf", .mergedGGUF)] {
        let place = ExportPlace(
          output: "\(folder)/\(output)", target: target, artifact: "a.loraxs")
        let fault = try #require(throws: Fault.self) {
          try place.check(against: inputs, force: true)
        }
        #expect(fault.code == "OUT-IN")
      }
    }
  }
}
