import ArgumentParser
import Faults
import Foundation
import LinearAlgebra

/// `xspress-bench`: one measurement a process, one JSON line on stdout (`README.md`).
@main struct XSPressBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xspress-bench", abstract: "Measures one thing and prints one JSON line.",
    subcommands: [
      MachineCommand.self, ShapesCommand.self, BasesCommand.self, TokensCommand.self,
      StepCommand.self, CalibrationCommand.self, FactorsCommand.self, ProjectionCommand.self,
      DecodeCommand.self, MomentsCommand.self, ScoringCommand.self, WritingCommand.self,
      CoresCommand.self, DocumentsCommand.self,
    ])

  static func main() {
    OpenBLAS.restartWithKernels()
    ProcessMemory.keepFreed()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let fault as Fault {
      FileHandle.standardError.write(Data((fault.line + "\n").utf8))
      Foundation.exit(fault.exitCode)
    } catch {
      exit(withError: error)
    }
  }
}
