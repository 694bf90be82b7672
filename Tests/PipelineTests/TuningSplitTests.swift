import Evaluation
import Faults
import Pipeline
import Testing

/// Which rows train, which choose, and which judge.
@Suite struct TuningSplitTests {
  private func rows(_ range: Range<Int32>) -> [TokenizedExample] {
    range.map { TokenizedExample(prompt: [$0], completion: [$0]) }
  }

  @Test(arguments: [(200, 0.2, 40, 40), (200, 0.05, 10, 32), (4000, 0.5, 256, 256), (70, 0, 0, 32)])
  func aShareIsHeldOutTwice(count: Int32, fraction: Double, validation: Int, gate: Int) throws {
    let all = rows(0..<count)
    let split = try TuningSplit(all, fraction: fraction, seed: 3, gated: true)
    #expect(split.validation.count == validation && split.gate.count == gate)
    let parts = split.training + split.validation + split.gate
    #expect(parts.count == Int(count) && Set(parts) == Set(all))
    // What validates is what validates without a gate, and the draw is a function of the seed.
    let plain = try TuningSplit(all, fraction: fraction, seed: 3, gated: false)
    #expect(plain.validation == split.validation && plain.gate.isEmpty)
    let again = try TuningSplit(all, fraction: fraction, seed: 3, gated: true)
    #expect(again.gate == split.gate)
    let other = try TuningSplit(all, fraction: fraction, seed: 4, gated: true)
    #expect(other.gate != split.gate)
  }

  @Test func aFileIsHalved() throws {
    let (training, file) = (rows(0..<9), rows(100..<201))
    let split = try TuningSplit(training: training, validation: file, seed: 1, gated: true)
    #expect(split.training == training)
    #expect(split.validation.count == 51 && split.gate.count == 50)
    #expect(Set(split.validation + split.gate) == Set(file))
    let plain = try TuningSplit(training: training, validation: file, seed: 1, gated: false)
    #expect(plain.validation == file && plain.gate.isEmpty)
  }

  @Test func tooFewRowsAreSaidToBeTooFew() throws {
    for body: () throws -> Void in [
      { _ = try TuningSplit(rows(0..<63), fraction: 0, seed: 0, gated: true) },
      { _ = try TuningSplit(rows(0..<100), fraction: 0.9, seed: 0, gated: true) },
      {
        _ = try TuningSplit(training: rows(0..<100), validation: rows(0..<63), seed: 0, gated: true)
      },
    ] {
      let fault = try #require(throws: Fault.self) { try body() }
      #expect(fault.code == "JOB-GATE" && fault.exitCode == 64)
      #expect(fault.reason.contains("at least 32 rows"))
    }
  }
}
