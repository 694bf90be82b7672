import ArgumentParser
import Checkpoints
import JSON

/// Decoding one tensor of a checkpoint to Float32.
struct DecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode", abstract: "Decodes one tensor of a file; bytes are its output.")

  @Option var file: String
  @Option var tensor: String
  @Option(help: "Where the values go, Float32.") var values: String?
  @OptionGroup var options: BenchOptions

  func run() throws {
    let checkpoint = try Checkpoint.open(file)
    let threads = options.threads
    let first = try checkpoint.floats(tensor, threads: threads)
    if let values { try RawFloats.write(first, to: values) }
    var count = 0
    let timing = try Measurement.time {
      count += try checkpoint.floats(tensor, threads: threads).count
    }
    precondition(count == timing.runs * first.count)
    Measurement(
      what: "decode", timing: timing, bytes: 4 * first.count,
      fields: [
        "tensor": .string(tensor),
        "type": .string(checkpoint.tensor(tensor)?.dtypeName ?? ""),
        "threads": .integer(threads),
      ]
    ).print()
  }
}
