import ArgumentParser
import Bases
import Files
import JSON

/// `xspress cache list|prune`.
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Lists or removes cached bases.",
    subcommands: [List.self, Prune.self])

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
      let bytes = entries.reduce(0) { $0 + $1.byteCount }
      if json {
        return try StandardOutput.write(
          .object([
            "schema": "xspress.cache/1", "directory": .string(cache?.directory ?? ""),
            "bytes": .integer(bytes),
            "entries": .array(
              entries.map {
                .object(["sha256": .string($0.digest.hex), "bytes": .integer($0.byteCount)])
              }),
          ]))
      }
      let rows = entries.map { [$0.digest.hex, "\($0.byteCount)"] }
      try StandardOutput.write(
        TextTable.text(["weight digest", "bytes"], rows)
          + "\n\(entries.count) entries, \(bytes) bytes in \(cache?.directory ?? "no folder")")
    }
  }

  /// `xspress cache prune`.
  struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Removes every cached basis.")

    @OptionGroup var shared: SharedOptions

    func run() throws {
      let entries = try shared.cacheDirectory.map { BasisCache(cacheDirectory: $0) }?.entries()
      for entry in entries ?? [] { Paths.removeIfPresent(entry.path) }
      let bytes = (entries ?? []).reduce(0) { $0 + $1.byteCount }
      try StandardOutput.write("removed \(entries?.count ?? 0) entries, \(bytes) bytes")
    }
  }
}
