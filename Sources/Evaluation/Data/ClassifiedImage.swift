import Faults
import Files
import JSON

/// An image with the class or the number that is right for it (`formats/data.md` §2.8).
public struct ClassifiedImage: Sendable, Hashable {
  /// The name of the file of images, beside that of the data.
  public let file: String
  /// Which of them, from 0.
  public let index: Int
  /// What is right.
  public let answer: ClassifiedText.Answer

  /// The image of a line.
  ///
  /// - Throws: 65 `DATA-FIELD` naming the field.
  init(_ line: JSONField) throws(Fault) {
    file = try line["image"].string()
    guard Paths.isPlainFileName(file) else {
      throw line["image"].fault("must be the name of a file beside that of the data")
    }
    index = try line["index"].int(in: 0...1 << 31 - 1)
    guard let answer = try ClassifiedText.Answer(line) else {
      throw line["image"].fault("stands without \"label\" or \"score\"")
    }
    self.answer = answer
  }
}
