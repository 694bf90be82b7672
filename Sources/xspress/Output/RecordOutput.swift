import Faults
import JSON
import Reports

/// The record of one job on stdout.
enum RecordOutput {
  /// Writes the whole record as JSON, or the tables of a report on it for people.
  static func write(_ record: JobRecord, json: Bool) throws(Fault) {
    if json { return try StandardOutput.write(record.json) }
    var text = Report(jobs: [record]).terminalText
    if let path = record.artifactPath { text += "\nartifact: \(Fault.escaped(path, limit: 512))" }
    try StandardOutput.write(text)
  }
}
