import Foundation

/// libFuzzer's loop, in which `readInput` is called with every input.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ argumentCount: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// What `make fuzz-short` and `make fuzz` run.
///
/// `XSPRESS_FUZZ_TARGET` names the reader, the arguments are libFuzzer's. A refusal is a result like any other; what
/// counts are traps, memory errors, hangs, and memory beyond the limits among the arguments.
@main
enum Fuzz {
  fileprivate static let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["XSPRESS_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
      let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
      FileHandle.standardError.write(
        Data("XSPRESS_FUZZ_TARGET is \"\(name)\", expected one of: \(names)\n".utf8))
      exit(64)
    }
    return target
  }()

  /// Golden cases that serve as companions of an input lie here.
  static let checkout = ProcessInfo.processInfo.environment["XSPRESS_CHECKOUT"] ?? "."

  static func main() {
    _ = target
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    exit(runFuzzer(&count, &arguments, readInput))
  }
}

private func readInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Fuzz.target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}
