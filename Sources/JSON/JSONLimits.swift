/// What a JSON text from outside may cost.
public struct JSONLimits: Sendable, Hashable {
  /// The longest text in bytes; json-c takes at most 2³¹ − 2.
  public var byteCount: Int
  /// The deepest nesting of arrays and objects.
  public var depth: Int
  /// The most members of one object.
  public var memberCount: Int
  /// The longest key of the outermost object, in bytes as it is written.
  public var keyByteCount: Int
  /// The most memory that the values may take, in bytes: three bytes of text can be a value of 30.
  public var memoryByteCount: Int
  /// Whether integers beyond 64 bits are refused, and not read as the nearest that there is.
  ///
  /// Python writes any; it does not matter where only texts of a file are looked at.
  public var refusesLargeIntegers: Bool

  /// Limits; the defaults suit configuration files and tokenizers.
  public init(
    byteCount: Int = 256 << 20, depth: Int = 64, memberCount: Int = 4 << 20,
    keyByteCount: Int = .max, memoryByteCount: Int = 512 << 20, refusesLargeIntegers: Bool = true
  ) {
    self.byteCount = min(byteCount, Int(Int32.max) - 1)
    self.depth = depth
    self.memberCount = memberCount
    self.keyByteCount = keyByteCount
    self.memoryByteCount = memoryByteCount
    self.refusesLargeIntegers = refusesLargeIntegers
  }
}
