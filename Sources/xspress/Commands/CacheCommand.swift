import ArgumentParser
import Faults
import Files
import JSON
import Reports

/// `xspress cache list|prune`.
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Lists or removes cached bases, teacher's states and second moments.",
    subcommands: [List.self, Prune.self])

  /// The document of both subcommands: the folder, and the entries listed or removed.
  private static func document(
    _ schema: String, _ directory: String?, _ entries: [CacheEntry]
  ) -> JSONValue {
    .object([
      "schema": .string(schema), "directory": .string(directory ?? ""),
      "bytes": .integer(byteCount(entries)),
      "entries": .array(
        entries.sorted { $0.path < $1.path }.map {
          .object([
            "kind": .string($0.kind.word), "sha256": .string($0.digest.hex),
            "bytes": .integer($0.byteCount),
          ])
        }),
    ])
  }

  private static func byteCount(_ entries: [CacheEntry]) -> Int {
    entries.reduce(0) { $0 + $1.byteCount }
  }

  /// `xspress cache list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists bases by the digest of their weight, the others by theirs.")

    @Flag(help: "Print one JSON document.")
    var json = false

    @OptionGroup(title: "Everywhere") var shared: SharedOptions

    func run() throws {
      let entries = try shared.cacheDirectory.map { CacheDirectory($0) }?.entries() ?? []
      if json {
        return try StandardOutput.write(
          CacheCommand.document("xspress.cache/1", shared.cacheDirectory, entries))
      }
      let bytes = CacheCommand.byteCount(entries)
      let rows = entries.map { [$0.kind.word, $0.digest.hex, "\($0.byteCount)"] }
      try StandardOutput.write(
        TextTable.text(["kind", "digest", "bytes"], rows)
          + "\n\(entries.count) entries, \(bytes) bytes in \(shared.cacheDirectory ?? "no folder")")
    }
  }

  /// `xspress cache prune`.
  struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Removes every cached basis, all teacher's states and second moments; with --cache-limit the least recently used."
    )

    @Flag(help: "Print one JSON document: what was removed.")
    var json = false

    @OptionGroup(title: "Everywhere") var shared: SharedOptions

    func run() throws {
      let limit = shared.cacheLimit == nil ? 0 : try shared.cacheByteLimit()
      let removed = try shared.cacheDirectory.map { CacheDirectory($0) }?.prune(to: limit) ?? []
      if json {
        return try StandardOutput.write(
          CacheCommand.document("xspress.cache-pruned/1", shared.cacheDirectory, removed))
      }
      let bytes = CacheCommand.byteCount(removed)
      try StandardOutput.write("removed \(removed.count) entries, \(bytes) bytes")
    }
  }
}
