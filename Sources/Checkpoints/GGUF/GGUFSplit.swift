internal import Faults
internal import Files

/// Models split over files `PREFIX-00001-of-0000N.gguf` (`formats/gguf.md` §9).
enum GGUFSplit {
  /// The files of the model at `path`, one for most models.
  ///
  /// - Throws: 65 `GG-SPLIT` naming the part that is missing, out of place or inconsistent.
  static func open(_ path: String) throws(Fault) -> [GGUFFile] {
    let first = try GGUFFile(path)
    let count: Int
    do throws(Fault) {
      count = try first.header.integer("split.count") ?? 1
    } catch {
      throw error.at(path: path)
    }
    guard count != 1 else { return [first] }
    guard count > 1, count <= 99_999, let prefix = prefix(path, part: 1, count: count),
      try number(first, "split.no") == 0
    else {
      throw Fault(
        .badData, "GG-SPLIT",
        "part of a split of \(count); give the first file, named PREFIX-00001-of-"
          + "\(padded(count)).gguf",
        path: path)
    }
    var files = [first]
    for part in 2...count {
      let next = "\(prefix)-\(padded(part))-of-\(padded(count)).gguf"
      guard Paths.kind(of: next) == .file else {
        throw Fault(.badData, "GG-SPLIT", "part \(part) of \(count) is missing", path: next)
      }
      let file = try GGUFFile(next)
      guard try number(file, "split.no") == part - 1, try number(file, "split.count") == count
      else {
        throw Fault(.badData, "GG-SPLIT", "is not part \(part) of \(count)", path: next)
      }
      files.append(file)
    }
    try checkTensors(files)
    return files
  }

  private static func number(_ file: GGUFFile, _ key: String) throws(Fault) -> Int? {
    do throws(Fault) {
      return try file.header.integer(key)
    } catch {
      throw error.at(path: file.file.path)
    }
  }

  /// Names must be unique over all parts, and their number must be the one stated.
  private static func checkTensors(_ files: [GGUFFile]) throws(Fault) {
    var seen = Set<[UInt8]>()
    for file in files {
      for tensor in file.header.tensors where !seen.insert(Array(tensor.name.utf8)).inserted {
        throw Fault(
          .badData, "GG-SPLIT", "the tensor is also in another part", path: file.file.path,
          tensor: tensor.name)
      }
    }
    if let total = try number(files[0], "split.tensors.count"), total != seen.count {
      throw Fault(
        .badData, "GG-SPLIT", "\(seen.count) tensors in all parts, split.tensors.count is \(total)",
        path: files[0].file.path)
    }
  }

  /// The part of `path` before `-00001-of-0000N.gguf`; nil where it does not end so.
  private static func prefix(_ path: String, part: Int, count: Int) -> String? {
    let ending = "-\(padded(part))-of-\(padded(count)).gguf"
    guard path.utf8.count > ending.utf8.count,
      path.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8)
    else { return nil }
    return String(path.utf8.dropLast(ending.utf8.count))
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}
