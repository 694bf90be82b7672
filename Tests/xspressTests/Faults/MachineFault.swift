import Files
import Foundation

/// A call of the C library that fails in a run of the tool (`Tests/MachineFaults`).
struct MachineFault: Sendable, CustomStringConvertible {
  /// The call by its name, or `memory`.
  var call: String
  /// The error numbers, of which each place has the next.
  var numbers: [Int32]
  /// Of memory: smaller requests are not counted.
  var leastByteCount = 0
  /// Whether the process is killed in place of the call.
  var kills = false

  var description: String { kills ? "killed at \(call)" : "\(call) with \(numbers)" }

  /// The process is killed at a call that changes what is on disk.
  static let kill = MachineFault(call: "change", numbers: [0], kills: true)

  /// The error number of the call at `place`.
  func number(at place: Int) -> Int32 { numbers[place % numbers.count] }

  /// The library that is preloaded.
  private static let library = Tool.beside("libmachine-faults.so")

  /// The variables with which the call at `place`, from 1, fails; the file `mark` then says that it came to that.
  func environment(at place: Int, mark: String) -> [String: String] {
    var variables = [
      "LD_PRELOAD": Self.library, "FAULT_CALL": call, "FAULT_AT": "\(place)",
      "FAULT_ERRNO": "\(number(at: place))", "FAULT_BYTES": "\(leastByteCount)", "FAULT_MARK": mark,
    ]
    if kills { variables["FAULT_KILL"] = "1" }
    return variables
  }

  /// Whether the library is where the tests look for it: else no call would fail, and every test pass.
  static var isBuilt: Bool { Paths.kind(of: library) == .file }
}
