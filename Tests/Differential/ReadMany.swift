import Checkpoints
import Files
import Foundation

/// `read-many` reads many small files in one process, for `golden/tools/crosscheck_differential.py`.
///
/// Every line on standard input is the path of a batch: files one after another, of each a letter for its kind, its size in
/// four bytes and its bytes. What became of each is written to PATH.answers, a line a file; then a line on standard
/// output says so.
@main struct ReadMany {
  static func main() throws {
    let words = CommandLine.arguments
    guard words.count == 4 else {
      FileHandle.standardError.write(Data("read-many FOLDER ADAPTER-WEIGHTS BASE\n".utf8))
      exit(64)
    }
    let reader = DifferentialReader(
      folder: words[1], adapterWeights: words[2], base: try BaseCheckpoint.open(words[3]))
    while let path = readLine() {
      let batch = try InputFile(path).readAll(limit: 1 << 30)
      try AtomicFile.write(path + ".answers", text: answers(to: batch, by: reader))
      FileHandle.standardOutput.write(Data("done\n".utf8))
    }
  }

  private static func answers(to batch: [UInt8], by reader: DifferentialReader) -> String {
    var lines: [String] = []
    var place = 0
    while batch.count - place >= 5 {
      let count = (1...4).reduce(0) { $0 | Int(batch[place + $1]) << (8 * ($1 - 1)) }
      let start = place + 5
      guard count <= batch.count - start else { break }
      let bytes = Array(batch[start..<start + count])
      lines.append(reader.answer(Character(UnicodeScalar(batch[place])), bytes))
      place = start + count
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
