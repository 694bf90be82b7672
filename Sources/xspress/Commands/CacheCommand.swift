import ArgumentParser
import Bases
import Faults
import Files
import JSON
import Training

/// `xspress cache list|prune`.
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Lists or removes cached bases, teacher's states and second moments.",
    subcommands: [List.self, Prune.self])

  /// A file of a cache.
  private struct Entry {
    let kind: String
    let digest: SHA256Digest
    let path: String
    let byteCount: Int
  }

  /// The files of all caches; none without a folder.
  private static func entries(in directory: String?) throws(Fault) -> [Entry] {
    guard let directory else { return [] }
    let bases = try BasisCache(cacheDirectory: directory).entries().map {
      Entry(kind: "basis", digest: $0.digest, path: $0.path, byteCount: $0.byteCount)
    }
    let states = try TeacherStateCache(cacheDirectory: directory).entries().map {
      Entry(kind: "teacher", digest: $0.digest, path: $0.path, byteCount: $0.byteCount)
    }
    let moments = try CurvatureCache(cacheDirectory: directory).folder.entries().map {
      Entry(kind: "moments", digest: $0.digest, path: $0.path, byteCount: $0.byteCount)
    }
    return bases + states + moments
  }

  /// The document of both subcommands: the folder, and the entries listed or removed.
  private static func document(
    _ schema: String, _ directory: String?, _ entries: [Entry]
  ) -> JSONValue {
    .object([
      "schema": .string(schema), "directory": .string(directory ?? ""),
      "bytes": .integer(byteCount(entries)),
      "entries": .array(
        entries.map {
          .object([
            "kind": .string($0.kind), "sha256": .string($0.digest.hex),
            "bytes": .integer($0.byteCount),
          ])
        }),
    ])
  }

  private static func byteCount(_ entries: [Entry]) -> Int {
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
      let entries = try CacheCommand.entries(in: shared.cacheDirectory)
      if json {
        return try StandardOutput.write(
          CacheCommand.document("xspress.cache/1", shared.cacheDirectory, entries))
      }
      let bytes = CacheCommand.byteCount(entries)
      let rows = entries.map { [$0.kind, $0.digest.hex, "\($0.byteCount)"] }
      try StandardOutput.write(
        TextTable.text(["kind", "digest", "bytes"], rows)
          + "\n\(entries.count) entries, \(bytes) bytes in \(shared.cacheDirectory ?? "no folder")")
    }
  }

  /// `xspress cache prune`.
  struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Removes every cached basis, all teacher's states and second moments.")

    @Flag(help: "Print one JSON document: what was removed.")
    var json = false

    @OptionGroup(title: "Everywhere") var shared: SharedOptions

    func run() throws {
      let entries = try CacheCommand.entries(in: shared.cacheDirectory)
      for entry in entries { Paths.removeIfPresent(entry.path) }
      // What may not be removed is not counted.
      let removed = entries.filter { Paths.kind(of: $0.path) == .missing }
      if json {
        return try StandardOutput.write(
          CacheCommand.document("xspress.cache-pruned/1", shared.cacheDirectory, removed))
      }
      let bytes = CacheCommand.byteCount(removed)
      try StandardOutput.write("removed \(removed.count) entries, \(bytes) bytes")
    }
  }
}
