public import Foundation

/// Where the files beside the code live, found from this file's own place in the checkout.
public enum Checkout {
  /// The root of the checkout.
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A path below the root of the checkout.
  public static func path(_ relative: String) -> String {
    root.appendingPathComponent(relative).path
  }

  /// The demo base, `models/SmolLM2-135M-Instruct.Q4_1.gguf`, fetched by `make models`.
  public static let demoBase = path("models/SmolLM2-135M-Instruct.Q4_1.gguf")

  /// Whether `make models` has run.
  public static var hasDemoBase: Bool { FileManager.default.fileExists(atPath: demoBase) }
}

/// Runs `body` with a fresh folder that is removed afterwards.
public func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("xspress-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// The largest |found − expected| divided by the largest |expected|.
///
/// The one meaning of "relative error" in the tests; NaN anywhere makes it infinite.
public func relativeError<T: BinaryFloatingPoint, S: BinaryFloatingPoint>(
  _ found: [T], _ expected: [S]
) -> Double {
  guard found.count == expected.count else { return .infinity }
  var scale = 0.0
  var worst = 0.0
  for (a, b) in zip(found, expected) {
    let difference = abs(Double(a) - Double(b))
    guard difference.isFinite else { return .infinity }
    scale = max(scale, abs(Double(b)))
    worst = max(worst, difference)
  }
  return scale == 0 ? worst : worst / scale
}
