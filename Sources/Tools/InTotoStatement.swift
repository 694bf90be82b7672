public import Faults
import Files
public import JSON
public import Reports

/// What a record says of its artifact, in the form that tools for attestations sign (`formats/signatures.md` §5).
public struct InTotoStatement: Sendable {
  private let record: JobRecord
  private let digest: SHA256Digest

  /// The statement on an artifact of that record, which is read for its digest.
  public init(_ record: JobRecord, artifact: String) throws(Fault) {
    self.record = record
    digest = try SHA256Digest.of(try InputFile(artifact))
  }

  /// An in-toto Statement v1.
  public var json: JSONValue {
    .object([
      "_type": "https://in-toto.io/Statement/v1",
      "subject": [
        ["name": .string("\(record.name).loraxs"), "digest": ["sha256": .string(digest.hex)]]
      ],
      "predicateType": "urn:xspress:record:1", "predicate": record.json,
    ])
  }

  /// Writes it to `directory`, which is made where it is missing, as `NAME.intoto.json`.
  public func write(to directory: String) throws(Fault) {
    try Paths.makeDirectory(directory)
    try AtomicFile.write(
      Paths.join(directory, "\(record.name).intoto.json"), text: json.text(pretty: true))
  }
}
