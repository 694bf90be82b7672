public import Faults
import Files
import JSON

extension JobRecord {
  /// Reads a `record.json`.
  ///
  /// - Throws: 66 where there is none; 65 `RECORD` or `JSON-…` naming what is wrong.
  public static func read(_ path: String) throws(Fault) -> JobRecord {
    let bytes = try InputFile(path).readAll(limit: 64 << 20)
    do throws(Fault) {
      return try JobRecord(json: try JSONValue.parse(bytes))
    } catch {
      throw error.at(path: path)
    }
  }
}
