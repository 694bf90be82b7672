import Files
import Foundation
import TestSupport
import Testing

/// Runs of a command, of which every one meets a call that fails one place later.
///
/// Each begins with nothing done and an empty cache, and is followed by one without failures that goes on from what it has
/// left.
struct FaultLoop {
  let command: FaultyCommand
  let fault: MachineFault
  let folder: String
  /// The bytes of every output when nothing fails.
  private let expected: [String: [UInt8]]

  /// A loop in a prepared folder, whose command has been run once.
  init(_ command: FaultyCommand, _ fault: MachineFault, in folder: String) throws {
    self.command = command
    self.fault = fault
    self.folder = folder
    let outcome = try FaultLoop.run(command, folder, [:])
    guard outcome.status == 0 else { throw FaultyCommand.Unprepared(errors: outcome.errors) }
    expected = try command.outputs.reduce(into: [:]) { result, name in
      result[name] = try InputFile("\(folder)/\(name)").readAll(limit: 1 << 24)
    }
    removeOutputs()
  }

  /// The runs; `check` is given each that met a failing call, and its place.
  ///
  /// - Parameter next: The place after one, and after none.
  /// - Returns: How many runs met one.
  func run(
    next: (Int) -> Int = { $0 + 1 }, _ check: (Tool.Outcome, _ place: Int) throws -> Void
  ) throws -> Int {
    #expect(MachineFault.isBuilt)
    var (place, count) = (next(0), 0)
    while true {
      try? FileManager.default.removeItem(atPath: "\(folder)/cache")
      let outcome = try FaultLoop.run(
        command, folder, fault.environment(at: place, mark: mark))
      let isReached = Paths.kind(of: mark) == .file
      Paths.removeIfPresent(mark)
      guard isReached else {
        try expectDone(outcome, place)
        return count
      }
      count += 1
      try check(outcome, place)
      if !command.saysWhatFailed { try expectWhole(place) }
      if outcome.status != 0, !command.outputs.isEmpty {
        try expectDone(try FaultLoop.run(command, folder, [:]), place)
      }
      removeOutputs()
      place = next(place)
    }
  }

  private var mark: String { "\(folder)/reached" }

  private static func run(
    _ command: FaultyCommand, _ folder: String, _ environment: [String: String]
  ) throws -> Tool.Outcome {
    try Tool.run(command.arguments(folder), cache: "\(folder)/cache", environment: environment)
  }

  // MARK: - What lies there

  /// An output is missing, or it is whole.
  private func expectWhole(_ place: Int) throws {
    for (name, bytes) in expected where Paths.kind(of: "\(folder)/\(name)") != .missing {
      let found = try InputFile("\(folder)/\(name)").readAll(limit: 1 << 24)
      #expect(found == bytes, "\(fault) at \(place): \(name)")
    }
  }

  private func expectDone(_ outcome: Tool.Outcome, _ place: Int) throws {
    #expect(outcome.status == 0, "\(fault) at \(place): \(outcome.errors)")
    for name in expected.keys {
      #expect(Paths.kind(of: "\(folder)/\(name)") == .file, "\(fault) at \(place): \(name)")
    }
    try expectWhole(place)
    #expect(temporaries().isEmpty, "\(fault) at \(place): \(temporaries())")
  }

  /// Temporary files and locks of files, but for those in the cache, which makes room for itself.
  func temporaries() -> [String] {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    return names.filter {
      AtomicFile.isTemporaryName(Paths.name(of: $0)) && !$0.hasPrefix("cache/")
        || $0.hasSuffix(".loraxs.lock") && !isLeftEmpty($0)
    }
  }

  /// A lock whose process was killed between making and signing it: it may be anybody's and stays (`formats/errors.md` §4.6).
  ///
  /// A worker kills itself when its batch has ended.
  private func isLeftEmpty(_ name: String) -> Bool {
    (fault.kills || command.name == FaultyCommand.batch.name)
      && (try? InputFile("\(folder)/\(name)").byteCount) == 0
  }

  /// Takes away what was made and what lies beside it, such as checkpoints.
  private func removeOutputs() {
    let made = Set(command.outputs.compactMap { $0.split(separator: "/").first })
    for name in (try? Paths.entries(of: folder)) ?? [] where made.contains(where: name.hasPrefix) {
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
    }
  }
}
