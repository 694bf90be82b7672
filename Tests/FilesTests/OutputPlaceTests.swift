import Faults
import Files
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
}
