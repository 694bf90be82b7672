import ArgumentParser
import Faults
import Pipeline
import Projection

/// `xspress convert`.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Converts an adapter without training.",
    discussion: """
      EXAMPLES
        xspress convert --base model.gguf --adapter my-lora --rank 16 -o my-lora.loraxs
        xspress convert --base model.gguf --adapter my-lora --budget 64KB \
      --calibrate train.jsonl --eval test.jsonl --eval-limit 500 -o my-lora.loraxs
      """)

  @OptionGroup var conversion: ConversionOptions

  @Option(help: "projected, calibrated or kfac (default: kfac with --calibrate, else projected).")
  var method: ProjectionMethod?

  @Flag(help: "Print the record as one JSON document.")
  var json = false

  @OptionGroup var shared: SharedOptions

  func validate() throws {
    if conversion.rank == nil && conversion.budget == nil && conversion.directions != .own {
      throw ValidationError("--rank or --budget is needed")
    }
    if method == .zero { throw ValidationError("--method must be projected, calibrated or kfac") }
    if let method, method == .calibrated || method == .kfac, conversion.calibrate == nil {
      throw ValidationError("--method \(method.rawValue) needs --calibrate")
    }
  }

  func run() throws {
    guard let target = try conversion.target() else { return }
    let method = method ?? (conversion.calibrate == nil ? .projected : .kfac)
    let session = try shared.session(base: conversion.base, pack: conversion.bases)
    let record = try JobRunner(
      session: session, request: conversion.request(target: target, method: method)
    ).run()
    try RecordOutput.write(record, json: json)
  }
}
