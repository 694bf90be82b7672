internal import Faults
internal import Files

/// A ZIP archive whose entries are stored, as torch.save writes it (`formats/torch.md` §1).
///
/// Only the central directory is believed, as in PyTorch; an entry must bear the name that it has there. Zip64 sizes are read; compressed and encrypted
/// entries are refused. Checksums are not compared: PyTorch can be told not to write them.
struct StoredZip: Sendable {
  /// One entry and where its bytes lie.
  struct Entry: Sendable, Hashable {
    let name: String
    let byteOffset: Int
    let byteCount: Int
  }

  let entries: [Entry]
  private static let entryLimit = 1 << 20

  init(_ file: InputFile) throws(Fault) {
    do throws(Fault) {
      let directory = try StoredZip.directory(of: file)
      entries = try StoredZip.entries(of: file, directory)
    } catch {
      throw error.at(path: file.path)
    }
  }

  // MARK: - Finding the directory

  private struct Directory {
    var offset: UInt64
    var byteCount: UInt64
    var count: UInt64
  }

  private static func directory(of file: InputFile) throws(Fault) -> Directory {
    // The end record is 22 bytes and a comment of at most 65,535.
    let tailCount = min(file.byteCount, 22 + 65_535)
    let start = file.byteCount - tailCount
    let tail = LittleEndianBytes(try file.read(at: start, count: tailCount))
    // The last signature counts, as for PyTorch, which does not ask whether its comment fits.
    guard tailCount >= 22,
      let place = stride(from: tailCount - 22, through: 0, by: -1).first(where: {
        tail.u32($0) == 0x0605_4b50
      }), place + 22 + Int(tail.u16(place + 20)) == tailCount
    else {
      throw Fault(.badData, "PT-ZIP", "no end record: the archive is cut short")
    }
    guard tail.u16(place + 4) == 0, tail.u16(place + 6) == 0,
      tail.u16(place + 8) == tail.u16(place + 10)
    else { throw Fault(.unsupported, "PT-ZIP", "an archive in several parts") }
    let directory = Directory(
      offset: UInt64(tail.u32(place + 16)), byteCount: UInt64(tail.u32(place + 12)),
      count: UInt64(tail.u16(place + 10)))
    if let wide = try wideDirectory(of: file, endingAt: start + place) { return wide }
    guard
      directory.offset != 0xffff_ffff && directory.byteCount != 0xffff_ffff
        && directory.count != 0xffff
    else { throw Fault(.badData, "PT-ZIP", "no zip64 locator") }
    return directory
  }

  /// What a zip64 record says, which counts where its locator lies right before the end record; nil without a locator.
  private static func wideDirectory(
    of file: InputFile, endingAt end: Int
  ) throws(Fault) -> Directory? {
    guard end >= 20 else { return nil }
    let locator = LittleEndianBytes(try file.read(at: end - 20, count: 20))
    guard locator.u32(0) == 0x0706_4b50 else { return nil }
    guard let offset = Int(exactly: locator.u64(8)), offset <= end - 20, end - 20 - offset >= 56
    else { throw Fault(.badData, "PT-ZIP", "a zip64 locator that leads nowhere") }
    let record = LittleEndianBytes(try file.read(at: offset, count: 56))
    guard record.u32(0) == 0x0606_4b50, record.u64(4) >= 44 else {
      throw Fault(.badData, "PT-ZIP", "no zip64 record at byte \(offset)")
    }
    guard locator.u32(16) == 1, record.u32(16) == 0, record.u32(20) == 0,
      record.u64(24) == record.u64(32)
    else { throw Fault(.unsupported, "PT-ZIP", "an archive in several parts") }
    return Directory(offset: record.u64(48), byteCount: record.u64(40), count: record.u64(32))
  }

  // MARK: - Entries

  private static func entries(
    of file: InputFile, _ directory: Directory
  ) throws(Fault) -> [Entry] {
    guard let offset = Int(exactly: directory.offset),
      let byteCount = Int(exactly: directory.byteCount), let count = Int(exactly: directory.count),
      offset <= file.byteCount, byteCount <= file.byteCount - offset
    else { throw Fault(.badData, "PT-ZIP", "the directory lies outside the file") }
    guard count <= min(byteCount / 46, entryLimit) else {
      throw Fault(.badData, "PT-ZIP", "\(count) entries in a directory of \(byteCount) bytes")
    }
    let bytes = LittleEndianBytes(try file.read(at: offset, count: byteCount))
    var entries: [Entry] = []
    var seen = Set<[UInt8]>()
    var place = 0
    for index in 0..<count {
      guard byteCount - place >= 46, bytes.u32(place) == 0x0201_4b50 else {
        throw Fault(.badData, "PT-ZIP", "entry \(index) of the directory is damaged")
      }
      let nameCount = Int(bytes.u16(place + 28))
      let extraCount = Int(bytes.u16(place + 30))
      let size = 46 + nameCount + extraCount + Int(bytes.u16(place + 32))
      guard size <= byteCount - place else {
        throw Fault(.badData, "PT-ZIP", "entry \(index) of the directory is cut short")
      }
      let raw = bytes.slice(place + 46, nameCount)
      guard let name = String(validating: raw, as: UTF8.self), seen.insert(raw).inserted else {
        throw Fault(.badData, "PT-ZIP", "entry \(index) has a name twice given or not UTF-8")
      }
      do throws(Fault) {
        entries.append(
          try entry(name, bytes, place, extra: (place + 46 + nameCount, extraCount), file))
      } catch {
        throw error.at(tensor: name)
      }
      place += size
    }
    return entries
  }

  private static func entry(
    _ name: String, _ bytes: LittleEndianBytes, _ place: Int, extra: (start: Int, count: Int),
    _ file: InputFile
  ) throws(Fault) -> Entry {
    // Encrypted, a patch, strongly encrypted, a masked header.
    guard bytes.u16(place + 8) & 0x2061 == 0 else {
      throw Fault(.unsupported, "PT-ZIP", "the entry is encrypted or a patch")
    }
    guard bytes.u16(place + 34) == 0 else {
      throw Fault(.unsupported, "PT-ZIP", "the entry lies in another part of the archive")
    }
    // PyTorch leaves the memory for such an entry as it found it.
    guard bytes.u32(place + 38) & 0x10 == 0 else {
      throw Fault(.badData, "PT-ZIP", "the entry is marked as a folder")
    }
    let method = bytes.u16(place + 10)
    guard method == 0 else {
      throw Fault(
        .unsupported, "PT-ZIP",
        "the entry is compressed (method \(method)); torch.save stores, save again or as safetensors"
      )
    }
    var sizes = [UInt64(bytes.u32(place + 24)), UInt64(bytes.u32(place + 20))]
    var offset = UInt64(bytes.u32(place + 42))
    // The zip64 field holds those of size, stored size and offset that are all ones.
    var wide = zip64(bytes, extra)
    for index in 0..<2 where sizes[index] == 0xffff_ffff { sizes[index] = try take(&wide) }
    if offset == 0xffff_ffff { offset = try take(&wide) }
    guard sizes[0] == sizes[1], let byteCount = Int(exactly: sizes[0]),
      let start = Int(exactly: offset), start <= file.byteCount - 30
    else { throw Fault(.badData, "PT-ZIP", "the entry's sizes or place are impossible") }
    let local = LittleEndianBytes(try file.read(at: start, count: 30))
    guard local.u32(0) == 0x0403_4b50 else {
      throw Fault(.badData, "PT-ZIP", "no entry at byte \(start)")
    }
    // A wrong length of the name would shift every value.
    let nameCount = Int(local.u16(26))
    guard nameCount == name.utf8.count, nameCount <= file.byteCount - start - 30,
      try file.read(at: start + 30, count: nameCount).elementsEqual(name.utf8)
    else {
      throw Fault(
        .badData, "PT-ZIP", "the entry at byte \(start) has another name than the directory says")
    }
    let data = start + 30 + nameCount + Int(local.u16(28))
    guard data <= file.byteCount, byteCount <= file.byteCount - data else {
      throw Fault(
        .badData, "PT-ZIP",
        "the entry is \(byteCount) bytes long, \(max(0, file.byteCount - data)) remain")
    }
    return Entry(name: name, byteOffset: data, byteCount: byteCount)
  }

  /// The 64-bit values of extra field 1.
  private static func zip64(
    _ bytes: LittleEndianBytes, _ extra: (start: Int, count: Int)
  ) -> [UInt64] {
    var place = extra.start
    let end = extra.start + extra.count
    while end - place >= 4 {
      let size = Int(bytes.u16(place + 2))
      guard size <= end - place - 4 else { return [] }
      if bytes.u16(place) == 1 {
        return (0..<size / 8).map { bytes.u64(place + 4 + 8 * $0) }
      }
      place += 4 + size
    }
    return []
  }

  private static func take(_ values: inout [UInt64]) throws(Fault) -> UInt64 {
    guard !values.isEmpty else {
      throw Fault(.badData, "PT-ZIP", "the entry lacks its zip64 sizes")
    }
    return values.removeFirst()
  }
}

/// Bytes read as little-endian numbers; callers keep places in range.
struct LittleEndianBytes {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func u16(_ place: Int) -> UInt16 { UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8 }
  func u32(_ place: Int) -> UInt32 { UInt32(u16(place)) | UInt32(u16(place + 2)) << 16 }
  func u64(_ place: Int) -> UInt64 { UInt64(u32(place)) | UInt64(u32(place + 4)) << 32 }
  func slice(_ place: Int, _ count: Int) -> [UInt8] { Array(bytes[place..<place + count]) }
}
