/// Bytes before and after.
public struct SizeRecord: Hashable, Sendable {
  /// One part of the artifact.
  public struct Part: Hashable, Sendable {
    /// What it holds, such as `latents`.
    public var name: String
    /// Bytes when compressed alone; the whole file is a little smaller than the sum.
    public var bytes: Int

    /// Creates a part.
    public init(name: String, bytes: Int) {
      self.name = name
      self.bytes = bytes
    }
  }

  /// The adapter's weights file as shipped; nil for a start from nothing.
  public var asShipped: Int?
  /// Two bytes for each of the adapter's parameters: what it would be without headers in F16; nil for a start from nothing.
  public var f16Equivalent: Int?
  /// The artifact on disk.
  public var artifact: Int
  /// What the artifact's bytes hold, each compressed alone, largest first.
  public var parts: [Part]

  /// Creates a record.
  public init(asShipped: Int?, f16Equivalent: Int?, artifact: Int, parts: [Part] = []) {
    self.asShipped = asShipped
    self.f16Equivalent = f16Equivalent
    self.artifact = artifact
    self.parts = parts
  }

  /// How many times smaller the artifact is than the adapter as shipped.
  public var ratioAsShipped: Double? { asShipped.map { Double($0) / Double(artifact) } }

  /// How many times smaller the artifact is than the adapter in F16.
  public var ratioF16: Double? { f16Equivalent.map { Double($0) / Double(artifact) } }
}
