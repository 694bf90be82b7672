import ArgumentParser
import Bases
import Files
import JSON

/// `xspress cache list|prune`.
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Lists or removes cached bases.",
    subcommands: [List.self, Prune.self])

  /// The document of both subcommands: the folder, and the entries listed or removed.
  private static func document(
    _ schema: String, _ cache: BasisCache?, _ entries: [BasisCache.Entry]
  ) -> JSONValue {
    .object([
      "schema": .string(schema), "directory": .string(cache?.directory ?? ""),
      "bytes": .integer(byteCount(entries)),
      "entries": .array(
        entries.map {
          .object(["sha256": .string($0.digest.hex), "bytes": .integer($0.byteCount)])
        }),
    ])
  }

  private static func byteCount(_ entries: [BasisCache.Entry]) -> Int {
    entries.reduce(0) { $0 + $1.byteCount }
  }

  /// `xspress cache list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists cached bases by the digest of their weight.")

    @Flag(help: "Print one JSON document.")
    var json = false

    @OptionGroup var shared: SharedOptions

    func run() throws {
      let cache = shared.cacheDirectory.map { BasisCache(cacheDirectory: $0) }
      let entries = try cache?.entries() ?? []
      if json {
        return try StandardOutput.write(
          CacheCommand.document("xspress.cache/1", cache, entries))
      }
      let bytes = CacheCommand.byteCount(entries)
      let rows = entries.map { [$0.digest.hex, "\($0.byteCount)"] }
      try StandardOutput.write(
        TextTable.text(["weight digest", "bytes"], rows)
          + "\n\(entries.count) entries, \(bytes) bytes in \(cache?.directory ?? "no folder")")
    }
  }

  /// `xspress cache prune`.
  struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Removes every cached basis.")

    @Flag(help: "Print one JSON document: what was removed.")
    var json = false

    @OptionGroup var shared: SharedOptions

    func run() throws {
      let cache = shared.cacheDirectory.map { BasisCache(cacheDirectory: $0) }
      let entries = try cache?.entries() ?? []
      for entry in entries { Paths.removeIfPresent(entry.path) }
      // What may not be removed is not counted.
      let removed = entries.filter { Paths.kind(of: $0.path) == .missing }
      if json {
        return try StandardOutput.write(
          CacheCommand.document("xspress.cache-pruned/1", cache, removed))
      }
      let bytes = CacheCommand.byteCount(removed)
      try StandardOutput.write("removed \(removed.count) entries, \(bytes) bytes")
    }
  }
}
