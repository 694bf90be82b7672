import Faults
import Testing

@Suite struct FaultLineTests {
  @Test func lineNamesFileTensorReasonAndCode() {
    let fault = Fault(
      .badData, "ST-SIZE", "4 bytes, needs 4000000", path: "a/model.safetensors", tensor: "q.weight"
    )
    #expect(
      fault.line
        == "error: a/model.safetensors: tensor \"q.weight\": 4 bytes, needs 4000000: ST-SIZE")
    #expect(fault.exitCode == 65)
  }

  @Test func hostileNamesAreEscapedAndCut() {
    let name = "\u{1b}[31mé\n" + String(repeating: "x", count: 5000)
    let line = Fault(.io, "IO-READ", "short\nread", path: name, tensor: name).line
    #expect(line.utf8.count <= 400)
    #expect(line.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
    #expect(line.contains("\\x1b[31m\\xc3\\xa9\\x0a"))
    #expect(line.hasSuffix(": IO-READ"))
  }

  @Test func quotesInNamesDoNotEndThem() {
    let fault = Fault(.badData, "ST-DUP", "say \"why\"", path: "a\\b", tensor: "x\": y")
    #expect(
      fault.line == #"error: a\x5cb: tensor "x\x22: y": say "why": ST-DUP"#)
  }

  @Test func contextIsFilledInOnce() {
    let fault = Fault(.badData, "X", "y").at(path: "inner").at(path: "outer", tensor: "t")
    #expect(fault.path == "inner")
    #expect(fault.tensor == "t")
  }
}
