import ArgumentParser
import Recipes

/// The fields that a group of options holds: those of one command that stand under one heading.
protocol FieldSource {
  /// The command.
  static var command: Field.Command { get }
  /// The heading.
  static var group: FieldGroup { get }
}

/// Options that are made from the table of fields (`Field.all`), so that there is no second list of them.
///
/// ArgumentParser finds the options of a type by reflection and fills them by decoding. This type therefore reflects as
/// one option a field, and decodes itself from the values of these. Values are texts here: what they stand for and what
/// refuses them is the table's.
struct FieldOptions<Source: FieldSource>: ParsableArguments, CustomReflectable {
  /// What was given, by the fields' keys.
  private(set) var given: [String: [String]] = [:]

  init() {}

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: FieldKey.self)
    for field in Self.fields {
      let key = FieldKey(field)
      switch field.form {
      case .truth:
        let isGiven = try container.decode(Flag<Bool>.self, forKey: key).wrappedValue
        if isGiven { given[field.key] = ["true"] }
      case .words, .modules:
        given[field.key] = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
      default:
        let text = try container.decode(Option<String?>.self, forKey: key).wrappedValue
        given[field.key] = text.map { [$0] }
      }
    }
  }

  /// The options, as ArgumentParser looks for them.
  var customMirror: Mirror {
    Mirror(self, children: Self.fields.map { (FieldKey($0).stringValue, $0.argument) })
  }

  private static var fields: [Field] {
    Field.all.filter { $0.group == Source.group && $0.commands.contains(Source.command) }
  }
}

/// A field as a key of the parser's.
private struct FieldKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(_ field: Field) { stringValue = field.key }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension Field {
  /// The option or flag that stands for the field.
  fileprivate var argument: Any {
    switch form {
    case .truth:
      Flag(wrappedValue: false, name: .customLong(flag), help: commandHelp)
    case .words(let words):
      Option<[String]>(
        wrappedValue: [], name: .customLong(flag), parsing: .singleValue, help: commandHelp,
        completion: .list(words))
    case .modules:
      Option<[String]>(
        wrappedValue: [], name: .customLong(flag), parsing: .singleValue, help: commandHelp)
    case .word(let words):
      Option<String?>(name: .customLong(flag), help: commandHelp, completion: .list(words))
    case .file, .examples, .share:
      Option<String?>(name: .customLong(flag), help: commandHelp, completion: .file())
    default:
      Option<String?>(name: .customLong(flag), help: commandHelp)
    }
  }

  private var commandHelp: ArgumentHelp {
    ArgumentHelp("\(helpLine)", valueName: form == .truth ? nil : form.placeholder)
  }
}
