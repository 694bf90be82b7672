import Files
import Foundation
import TestSupport
import Testing

/// A decomposition that does not converge, at places where one is made: LAPACK is made to say so.
///
/// The first places and ever fewer of the later ones, which are other modules; each with `XSPRESS_FAULTS` set (`make faults`).
@Suite struct FailingDecompositionTests {
  @Test(.timeLimit(.minutes(10)), arguments: ["LAPACKE_dgesdd", "LAPACKE_dsyevd"])
  func theModuleIsNamed(routine: String) throws {
    let options = [
      ["--rank", "3"], ["--directions", "own"], ["--rank", "3", "--residual", "1"],
      ["--budget", "3KB"], ["--rank", "3", "--calibrate", "rows.jsonl"],
    ]
    try withTemporaryDirectory { folder in
      try FaultyCommand.prepare(folder)
      var count = 0
      for more in options {
        let command = FaultyCommand(
          name: "convert \(more)",
          arguments: { folder in
            FaultyCommand.convert(folder, to: "out.loraxs", size: [])
              + more.map { $0.hasSuffix(".jsonl") ? "\(folder)/\($0)" : $0 }
          }, outputs: ["out.loraxs"])
        let loop = try FaultLoop(command, MachineFault(call: routine, numbers: [1]), in: folder)
        let isWhole = ProcessInfo.processInfo.environment["XSPRESS_FAULTS"] != nil
        count += try loop.run(next: { isWhole ? $0 + 1 : $0 + 1 + $0 / 2 }) { outcome, place in
          let words = "\(more) at \(place): \(outcome.errors.prefix(400))"
          #expect(outcome.status == 65 && outcome.faultLines.count == 1, "\(words)")
          #expect(outcome.errors.contains("tensor \"model.layers."), "\(words)")
          #expect(outcome.errors.hasSuffix("NUM-SVD\n"), "\(words)")
        }
      }
      #expect(count > 0)
    }
  }
}
