/// The name and version that go into artifacts and records.
public enum Product {
  /// The version of this program.
  public static let version = "0.1.0"
  /// Name and version.
  public static let createdBy = "xspress \(version)"
}
